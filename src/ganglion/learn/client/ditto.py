"""Ditto: every client keeps a model of its own, held near the common one, which is learnt as ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from ...core.compute import CrossEntropy, Fit, Pull, Sgd, Steps
from ...core.tensors import Tensors
from ...core.update import Update
from ..task import Kept, Task
from .local_sgd import LocalSgd


@dataclass(frozen=True)
class Ditto:
    """Own model: v -= rate * (gradient at v + strength * (v - base)), beside a step for the common one.

    Source: Li et al. 2021, arXiv:2012.04221, algorithm 1.
    """

    common: LocalSgd = field(default_factory=LocalSgd)
    how: Sgd = Sgd(rate=0.1)  # of the own model
    strength: float = 0.1  # lambda; 0 is learning alone, much is the common model
    loss: CrossEntropy = CrossEntropy()
    keeps: ClassVar[tuple[str, ...]] = ("own",)

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Trains both; keeps the own model. Both begin at the base of the client's first round."""
        update, _ = yield from self.common(task, {})
        pulls = (Pull(self.strength, task.weights),) if self.strength > 0.0 else ()
        start, key = kept.get("own", task.weights), (*task.key, "own")
        done = yield from Fit(start, task.data, task.paced(self.how), key, self.loss, pulls)
        return update, {"own": done.weights}

    def own(self, weights: Tensors, kept: Kept) -> Tensors:
        """The model that this client answers with."""
        return kept.get("own", weights)
