"""FedNova: each update is divided by its own number of steps, so that who makes more of them does not count more."""

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
class Nova:
    """sum p a * sum p delta / a, where a is what a client's steps amount to: tau, or more with local momentum.

    p is a client's share of the examples. Source: Wang et al. 2020, arXiv:2007.07481, equations 6 to 8.
    """

    momentum: float = 0.0  # of the clients' steps
    needs: ClassVar[frozenset[str]] = frozenset({"weight"})
    hides: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, updates: Sequence[Update]) -> Tensors:
        """The levelled mean of all."""
        if not updates:
            raise ValueError("a mean of no updates is undefined; wait for one or end the round")
        return self.lower(reduce(lambda a, b: a + b, (self.lift(update) for update in updates)))

    def lift(self, update: Update) -> Total:
        """One update's part of the sum. Raises ValueError for one without weight or steps."""
        if not 0.0 <= update.weight < float("inf") or update.steps < 1:
            raise ValueError(f"an update of weight {update.weight} after {update.steps} steps has no place in a mean")
        amount = self._amount(update.steps)
        flat = update.delta.flat.astype(np.float64) * (update.weight / amount)
        return Total.of(update, flat, update.weight, update.weight * amount)

    def lower(self, total: Total) -> Tensors:
        """The levelled mean behind a sum. Raises ValueError if nothing in it counts."""
        if not total.weight > 0.0:
            raise ValueError(f"updates that count for {total.weight} together have no mean; give one a weight above 0")
        effective = total.steps / total.weight
        return Tensors((total.flat / total.weight * effective).astype(np.float32), total.layout)

    def _amount(self, steps: int) -> float:
        """The sum of how often each gradient of a client is in its weights: |a|_1 of the paper."""
        rho = self.momentum
        return (steps - rho * (1.0 - rho**steps) / (1.0 - rho)) / (1.0 - rho) if rho else float(steps)
