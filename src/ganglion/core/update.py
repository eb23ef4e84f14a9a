"""What one client learned: a change of weights, and how much it counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .label import Tier
from .ref import Ref
from .tensors import Tensors


@dataclass(frozen=True, eq=False)
class Update:
    """Weights after minus before; add it. `weight` is how much it counts, usually its number of examples."""

    delta: Tensors
    weight: float
    tier: Tier
    steps: int = 1  # of training behind it, for aggregates that level them
    loss: float | None = None  # of the base on the client's own examples, where the method measured it
    extra: Mapping[str, Tensors] = field(default_factory=dict)  # changes of what else the method shares, by name


@dataclass(frozen=True)
class Statistic:
    """Counts over several samples; what a node may say of data it may not send."""

    tier: int  # a Tier; of the samples counted
    samples: int
    values: tuple[tuple[str, float], ...]

    def value(self, name: str) -> float:
        """One of the counts."""
        return dict(self.values)[name]


@dataclass(frozen=True)
class Counted:
    """An update on its way: where its delta is, and how much it counts."""

    delta: Ref
    weight: float
