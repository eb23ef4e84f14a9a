"""Fine-tuning: goes on training a model on new examples, held back from forgetting what it knew."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.compute import Adam, CrossEntropy, Fit, Pull, Sgd, Steps
from ...core.update import Update
from ..task import Kept, Task


@dataclass(frozen=True)
class Finetune:
    """Trains on the task's examples and its replayed ones together; may stay near the start, may move a part only.

    Source: Ratcliff 1990 (Psychological Review 97) and Robins 1995 (Connection Science 7), replay; Li et al. 2018,
    arXiv:1802.01483 (L2-SP), `anchor`.
    """

    how: Sgd | Adam = Adam(rate=5e-3, epochs=60)
    anchor: float = 0.0  # strength of the pull towards the weights it starts from
    only: str = ""  # prefix of the tensors that may move; "" = all
    loss: CrossEntropy = CrossEntropy()

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Trains once; keeps nothing of its own."""
        pulls = (Pull(self.anchor, task.weights),) if self.anchor > 0.0 else ()
        data = (*task.data, *task.replay)
        done = yield from Fit(task.weights, data, self.how, task.key, self.loss, pulls, only=self.only)
        return Update(done.weights - task.weights, float(task.examples), task.tier), kept
