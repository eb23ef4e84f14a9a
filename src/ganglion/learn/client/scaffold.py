"""SCAFFOLD: a client corrects its steps by how its own gradients differ from everybody's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...core.compute import CrossEntropy, Fit, Sgd, Steps
from ...core.update import Update
from ..task import Kept, Task


@dataclass(frozen=True)
class Scaffold:
    """Local steps w -= rate * (g - c_i + c); then c_i <- c_i - c + (base - w) / (steps * rate), option II.

    Source: Karimireddy et al. 2020, arXiv:1910.06378, algorithm 1. Its step size is constant and has no momentum.
    """

    how: Sgd = Sgd(rate=0.1)
    loss: CrossEntropy = CrossEntropy()
    keeps: ClassVar[tuple[str, ...]] = ("control",)
    shares: ClassVar[tuple[str, ...]] = ("control",)

    def __post_init__(self) -> None:
        if self.how.momentum or self.how.decay or self.how.cooling:
            raise ValueError(f"{self.how} in SCAFFOLD: its control is read off plain steps; leave momentum, decay out")

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Trains once; keeps its control, and sends how that changed."""
        none = task.weights.zero()
        common, own = task.common.get("control", none), kept.get("control", none)
        how = task.paced(self.how)
        done = yield from Fit(task.weights, task.data, how, task.key, self.loss, push=common - own)
        new = own - common + (task.weights - done.weights) / (done.steps * how.rate)
        update = Update(
            done.weights - task.weights, float(task.examples), task.tier, done.steps, extra={"control": new - own}
        )
        return update, {"control": new}
