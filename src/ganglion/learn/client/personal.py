"""FedPer and FedBN: a part of the model stays with its client, the rest is learnt together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ...core.compute import Adam, CrossEntropy, Fit, Sgd, Steps
from ...core.tensors import Layout, Tensors
from ...core.update import Update
from ..task import Kept, Task

STATISTIC = "running_mean"  # what every batch normalisation keeps, whatever it is called


@dataclass(frozen=True)
class Personal:
    """Tensors whose names begin with one of `parts` never leave their client; with none named, normalisations.

    Source: Arivazhagan et al. 2019, arXiv:1912.00818 (FedPer); Li et al. 2021, arXiv:2102.07623 (FedBN).
    """

    how: Sgd | Adam = Sgd(rate=0.1)
    parts: tuple[str, ...] = ()  # such as ("head.",)
    loss: CrossEntropy = CrossEntropy()
    keeps: ClassVar[tuple[str, ...]] = ("own",)

    def __call__(self, task: Task, kept: Kept) -> Steps[tuple[Update, Kept]]:
        """Trains the whole model; sends the common part, keeps the other."""
        start = self.own(task.weights, kept)
        done = yield from Fit(start, task.data, task.paced(self.how), task.key, self.loss)
        delta = done.weights - start
        for name, part in delta.items():
            if self.stays(name, delta.layout):
                part[:] = 0.0  # the difference was made here, nobody else sees it
        return Update(delta, float(task.examples), task.tier, done.steps), {"own": done.weights}

    def own(self, weights: Tensors, kept: Kept) -> Tensors:
        """The model that this client answers with: the common weights, and its own in the parts that stay."""
        if "own" not in kept:
            return weights
        made = weights.with_flat(weights.flat.copy())
        for (name, part), (_, mine) in zip(made.items(), kept["own"].items(), strict=True):
            if self.stays(name, weights.layout):
                part[:] = mine
        return made

    def stays(self, name: str, layout: Layout) -> bool:
        """Whether a tensor belongs to the client alone."""
        if self.parts:
            return name.startswith(self.parts)
        module = name.rpartition(".")[0]
        return any(other == f"{module}.{STATISTIC}" for other, _ in layout)
