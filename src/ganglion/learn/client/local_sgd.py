"""Local training: some epochs on the client's own examples, from the common weights."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.compute import Adam, CrossEntropy, Fit, Pull, Sgd, Steps
from ...core.update import Update
from ..task import Kept, Task


@dataclass(frozen=True)
class LocalSgd:
    """Epochs of gradient descent; with `proximal` > 0 held near the common weights, so that unlike clients agree.

    Source: McMahan et al. 2017, arXiv:1602.05629 (FedAvg's clients); Li et al. 2018, arXiv:1812.06127 (FedProx).
    """

    how: Sgd | Adam = Sgd(rate=0.1)
    proximal: float = 0.0  # strength of the pull towards the common weights
    loss: CrossEntropy = CrossEntropy()

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Trains once; keeps nothing of its own."""
        pulls = (Pull(self.proximal, task.weights),) if self.proximal > 0.0 else ()
        data = (*task.data, *task.replay)
        done = yield from Fit(task.weights, data, task.paced(self.how), task.key, self.loss, pulls)
        return Update(done.weights - task.weights, float(task.examples), task.tier, done.steps), kept
