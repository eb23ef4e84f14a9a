"""Mean of the updates, each as much as it counts: a sum between two functions, so it may be added up anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.tensors import Layout, Tensors
from ...core.update import Update


@dataclass(frozen=True, eq=False)
class Total:
    """A part of the sum. Double precision, so that the order of adding is lost in the rounding to single."""

    flat: NDArray[np.float64]  # sum of weight x delta
    weight: float
    layout: Layout
    steps: float = 0.0  # sum of weight x steps, for aggregates that level them
    clients: int = 1
    extra: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)  # plain sums of what else is shared

    @staticmethod
    def of(update: Update, flat: NDArray[np.float64], weight: float, steps: float = 0.0) -> Total:
        """One client's part, with what else it shares."""
        extra = {name: one.flat.astype(np.float64) for name, one in update.extra.items()}
        return Total(flat, weight, update.delta.layout, steps, 1, extra)

    def absorb(self, other: Total) -> Total:
        """The sum, in this one's own room; for parts that nobody else holds."""
        if self.layout != other.layout or set(self.extra) != set(other.extra):
            return self + other
        np.add(self.flat, other.flat, out=self.flat)
        for name, one in self.extra.items():
            np.add(one, other.extra[name], out=one)
        weight, steps, clients = self.weight + other.weight, self.steps + other.steps, self.clients + other.clients
        return Total(self.flat, weight, self.layout, steps, clients, self.extra)

    def __add__(self, other: Total) -> Total:
        if self.layout != other.layout or set(self.extra) != set(other.extra):
            raise ValueError("updates of different layouts cannot be added; were they learnt from the same model?")
        extra = {name: one + other.extra[name] for name, one in self.extra.items()}
        flat, weight, steps = self.flat + other.flat, self.weight + other.weight, self.steps + other.steps
        return Total(flat, weight, self.layout, steps, self.clients + other.clients, extra)


@dataclass(frozen=True)
class Mean:
    """Weighted by what each update counts for, usually its examples; unweighted each counts for one.

    Source: McMahan et al. 2017, arXiv:1602.05629, algorithm 1.
    """

    weighted: bool = True
    hides: ClassVar[frozenset[str]] = frozenset()

    @property
    def needs(self) -> frozenset[str]:
        """A weighted mean cannot do without the weights."""
        return frozenset({"weight"}) if self.weighted else frozenset()

    def __call__(self, updates: Sequence[Update]) -> Tensors:
        """The mean of all."""
        if not updates:
            raise ValueError("a mean of no updates is undefined; wait for one or end the round")
        return self.lower(reduce(lambda a, b: a + b, (self.lift(update) for update in updates)))

    def lift(self, update: Update) -> Total:
        """One update's part of the sum. Raises ValueError for a weight that cannot count."""
        weight = update.weight if self.weighted else 1.0
        if not 0.0 <= weight < float("inf"):
            raise ValueError(f"an update that counts for {weight} has no place in a mean; weights are 0 or more")
        return Total.of(update, np.multiply(update.delta.flat, weight, dtype=np.float64), weight)

    def lower(self, total: Total) -> Tensors:
        """The mean behind a sum. Raises ValueError if nothing in it counts."""
        if not total.weight > 0.0:
            raise ValueError(f"updates that count for {total.weight} together have no mean; give one a weight above 0")
        return Tensors((total.flat / total.weight).astype(np.float32), total.layout)
