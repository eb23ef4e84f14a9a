"""A classifier of two exits in plain numpy, in versions: alike, better, good for one site, worse, slow or large.

Softmax regression: exit 1 sees the first half of the features, exit 2 all of them. A graph names its two segments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import examples_of_bytes, tensors_of_bytes, tensors_to_bytes
from ..core.compute import Compute, CrossEntropy, Export, Exported, Predict, Predicted, Sgd
from ..core.label import Tier
from ..core.model import Kernel, Model
from ..core.ports import Disk
from ..core.probability import softmax
from ..core.rng import stream
from ..core.sample import Examples
from ..core.tensors import Tensors
from ..node.tools import Recipe

FEATURES, CLASSES, SEEN = 8, 4, (4, 8)  # features that each exit sees
STAGES = ((0, 1), (0, 2), (1, 2))
MEMORY_BYTES = (100, 300, 200)  # declared, per stage
BALLAST_BYTES = 1000  # more, of the large version
QUICK_S, SLOW_S = 1e-4, 2e-2  # declared, of a call
SLOW, LARGE = "slow", "large"  # weights that say so
MOVED = 6.0  # how far the first feature has moved at one site, in standard deviations of its noise
FEW, MANY = 60, 400  # examples that versions were trained on
KERNELS = (
    Kernel("half", "Slice", ("input",), 4 * SEEN[0], 0, 0),
    Kernel("near", "Gemm", ("half",), 4 * CLASSES, 4 * CLASSES * (SEEN[0] + 1), 2 * CLASSES * SEEN[0]),
    Kernel("whole", "Identity", ("input",), 4 * FEATURES, 0, 0),
    Kernel("far", "Gemm", ("whole",), 4 * CLASSES, 4 * CLASSES * (FEATURES + 1), 2 * CLASSES * FEATURES),
)
Floats = NDArray[np.float32]
RECIPE = Recipe(Sgd(0.5), CrossEntropy())  # nothing is trained through the engine here


def examples(seed: int, count: int, moved: bool = False) -> Examples:
    """Points around four corners; the later features tell them apart better. `moved`: as one site sees them."""
    chance = stream(seed, "roll-out examples", count)
    corners = stream(0, "roll-out corners").normal(size=(CLASSES, FEATURES)) * np.linspace(0.8, 2.0, FEATURES)
    away = np.eye(FEATURES)[0] * MOVED if moved else 0.0
    y = chance.integers(0, CLASSES, size=count)
    x = corners[y] + chance.normal(size=(count, FEATURES)) + away
    return Examples(x.astype(np.float32), y.astype(np.int64), Tier.PUBLIC)


@cache
def version(kind: str) -> Tensors:
    """Weights by what they are like: "fair", "alike", "better", "local", "worse", "slow", "large"."""
    match kind:
        case "fair":
            return _fitted(examples(1, FEW))
        case "alike":  # as many examples, but others: it differs in many an answer and is right as often
            return _fitted(examples(7, FEW))
        case "better":
            return _fitted(examples(3, MANY))
        case "local":  # knows the moved site's world too, and the others' no worse
            return _fitted(examples(3, MANY).join(examples(4, MANY, moved=True)))
        case "worse":  # every example of two classes was labelled as the other
            given = examples(3, MANY)
            return _fitted(Examples(given.x, np.array([1, 0, 2, 3])[given.y].astype(np.int64), given.tier))
        case "slow" | "large":
            return Tensors.of({**dict(version("better").items()), kind: np.zeros(1, np.float32)})
    raise ValueError(f"no version {kind!r}; see the docstring")


def _fitted(data: Examples, epochs: int = 150, rate: float = 0.5, decay: float = 0.01) -> Tensors:
    """Gradient descent on the whole of the examples."""
    right, weights = np.eye(CLASSES, dtype=np.float32)[data.y], dict[str, Floats]()
    for i, seen in enumerate(SEEN):
        w, b, x = np.zeros((seen, CLASSES)), np.zeros(CLASSES), data.x[:, :seen]
        for _ in range(epochs):
            error = (softmax(x @ w + b) - right) / len(data)
            w, b = w - rate * (x.T @ error + decay * w), b - rate * error.sum(0)
        weights |= {f"w{i}": w.astype(np.float32), f"b{i}": b.astype(np.float32)}
    return Tensors.of(weights)


def logits(weights: Tensors, x: Floats) -> tuple[Floats, ...]:
    """Per exit: [n, classes]."""
    return tuple(x[:, :seen] @ weights[f"w{i}"] + weights[f"b{i}"] for i, seen in enumerate(SEEN))


class Project:
    """What the cloud evaluates with."""

    classes: int = CLASSES
    scale: float = 1.0
    fresh: Recipe = RECIPE
    transfer: Recipe = RECIPE
    round: Recipe = RECIPE

    def examples(self, part: str) -> Examples:
        """Public examples."""
        return examples({"train": 1, "calibration": 5}[part], 120)


@dataclass
class Watch:
    """A stopwatch that moves when a stage is called, by what its version declares."""

    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Runner:
    """Runs a stage: a batch goes in, probabilities per exit and the boundary come out."""

    watch: Watch
    name: str = "numpy"

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        """A stage as a function."""
        first, last = (int(part) for part in graph.split())
        weights = tensors_of_bytes(stored)
        cost_s = SLOW_S if SLOW in dict(weights.items()) else QUICK_S

        def run(x: NDArray[Any]) -> list[NDArray[Any]]:
            self.watch.now_s += cost_s
            whole = np.asarray(x, np.float32)
            exits: list[NDArray[Any]] = [softmax(one).astype(np.float32) for one in logits(weights, whole)[first:last]]
            return exits if last == len(SEEN) else [*exits, whole]

        return run


@dataclass
class Engine:
    """Answers what packaging asks for."""

    disk: Disk
    answers: frozenset[type[Compute[Any]]] = frozenset({Predict, Export})

    def answer(self, asked: Compute[Any]) -> Any:
        """Predictions and exports. Raises LookupError for anything else."""
        match asked:
            case Predict(weights, data):
                x = np.concatenate([examples_of_bytes(self.disk.get(ref)).x for ref in data])
                given = tensors_of_bytes(weights.weights) if isinstance(weights, Exported) else weights
                return Predicted(logits(given, x))
            case Export(weights, temperatures, _):
                ready = {n: a / temperatures[int(n[1])] if n[1:].isdigit() else a for n, a in weights.items()}
                graphs = tuple((first, last, f"{first} {last}".encode()) for first, last in STAGES)
                more = BALLAST_BYTES if LARGE in ready else 0
                model = Model(KERNELS, (FEATURES,), CLASSES, ("near", "far"), ("input", "whole"), weights.digest())
                memory = tuple(bytes_ + more for bytes_ in MEMORY_BYTES)
                return Exported(graphs, tensors_to_bytes(Tensors.of(ready)), model, memory)
        raise LookupError(f"a {type(asked).__name__} is not answered here; only {self.answers} are")
