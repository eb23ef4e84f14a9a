"""Rounds of federated learning: three sites that see different digits make one model, and no sample leaves a site.

A method is a combination of choices: here plain averaging, then the same with a pull towards the common weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from torch import nn

from ganglion.core.blob import examples_to_bytes
from ganglion.core.compute import Initial, Predict, Sgd, Steps
from ganglion.core.label import Form, Label, Tier
from ganglion.core.ref import Ref, digest_of
from ganglion.core.sample import Examples
from ganglion.engine.torch import TorchEngine
from ganglion.learn import Strategy, Task
from ganglion.learn.client import LocalSgd

ROUNDS = 20


@dataclass
class Memory:
    """Blobs by digest."""

    held: dict[str, bytes] = field(default_factory=dict)

    def put(self, examples: Examples) -> Ref:
        """Keeps examples; their label says how far they may go."""
        raw = examples_to_bytes(examples)
        self.held[digest_of(raw)] = raw
        return Ref(digest_of(raw), len(raw), Label(examples.tier, Form.RAW))


def answered(steps: Steps[Any], engine: TorchEngine) -> Any:
    """Runs a method: it says what to compute, the engine computes."""
    try:
        asked = next(steps)
        while True:
            asked = steps.send(engine.answer(asked))
    except StopIteration as end:
        return end.value


def main() -> None:
    """Compare two methods and one site that learns alone."""
    images, y = load_digits(return_X_y=True)
    x = (images / 16).astype(np.float32)
    memory = Memory()
    engine = TorchEngine(lambda: nn.Linear(64, 10), read=lambda ref: memory.held[ref.digest])
    test = Examples(x[1500:], y[1500:], Tier.PUBLIC)
    shown = memory.put(test)
    sites = []
    for low, high in ((0, 4), (3, 7), (6, 10)):  # classes that a site sees
        rows = np.flatnonzero((y[:1500] >= low) & (y[:1500] < high))
        sites.append((memory.put(Examples(x[rows], y[rows], Tier.EDGE)), len(rows)))

    plain = Sgd(rate=0.1, epochs=2)
    average, near = Strategy(train=LocalSgd(plain)), Strategy(train=LocalSgd(plain, proximal=0.1))
    for name, method, who in (("FedAvg", average, sites), ("FedProx", near, sites), ("alone", average, sites[:1])):
        weights = engine.answer(Initial(("start",)))
        for number in range(ROUNDS):
            updates = []
            for place, (data, count) in enumerate(who):
                steps = method.train(Task(weights, (data,), count, ("round", number, place)), {})
                updates.append(answered(steps, engine)[0])
            weights, _ = method.step(weights, method.aggregate(updates), None)
        right = engine.answer(Predict(weights, (shown,))).logits[-1].argmax(-1) == test.y
        print(f"{name}: {right.mean():.1%} right after {ROUNDS} rounds, from {updates[0].tier.name}-private updates")


if __name__ == "__main__":
    main()
