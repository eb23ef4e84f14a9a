"""q-FedAvg's clients: local training that also says how badly the base does on the client's own examples."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ...core.compute import Score, Steps
from ...core.update import Update
from ..task import Kept, Task
from .local_sgd import LocalSgd


@dataclass(frozen=True)
class Judged:
    """What `train` does, with the base's loss on this client's examples. Source: Li et al. 2020, arXiv:1905.10497."""

    train: LocalSgd = field(default_factory=LocalSgd)

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Scores the base, then trains."""
        scored = yield from Score(task.weights, task.data)
        update, kept = yield from self.train(task, kept)
        return replace(update, loss=scored.loss), kept
