"""q-FedAvg: the worse the base does for a client, the more its update counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import ClassVar

import numpy as np

from ...core.tensors import Tensors
from ...core.update import Update
from .mean import Total


@dataclass(frozen=True)
class FairMean:
    """sum F^q L delta / sum (q F^(q-1) |L delta|^2 + L F^q), with L = 1 / rate; q = 0 is the unweighted mean.

    F is the base's loss on a client's examples. Source: Li et al. 2020, arXiv:1905.10497, algorithm 2.
    """

    q: float = 1.0
    rate: float = 0.1  # of the clients' steps
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    hides: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, updates: Sequence[Update]) -> Tensors:
        """The fair mean of all."""
        if not updates:
            raise ValueError("a mean of no updates is undefined; wait for one or end the round")
        return self.lower(reduce(lambda a, b: a + b, (self.lift(update) for update in updates)))

    def lift(self, update: Update) -> Total:
        """One update's part of the sum. Raises ValueError for one without the base's loss."""
        if self.q and update.loss is None:
            raise ValueError("an update without the base's loss has no fair share; let clients train by Judged(…)")
        loss = max(update.loss or 0.0, 1e-10) if self.q else 1.0
        moved = update.delta.flat.astype(np.float64) / self.rate
        scale = self.q * loss ** (self.q - 1.0) * float(moved @ moved) + loss**self.q / self.rate
        return Total.of(update, loss**self.q * moved, scale, 0.0)

    def lower(self, total: Total) -> Tensors:
        """The fair mean behind a sum."""
        return Tensors((total.flat / total.weight).astype(np.float32), total.layout)
