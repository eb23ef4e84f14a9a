"""A sample, the answer to it, and examples to learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .label import Tier, Zone
from .ref import Ref


@dataclass(frozen=True)
class Sample:
    """One reading of a sensor. Its pixels or features are behind `x`; the rest are ids and times."""

    id: str  # unique in the fleet: "device/number"
    x: Ref
    made_s: float  # node time at which it arrived


@dataclass(frozen=True)
class Answer:
    """What a model said to a sample, and where it said it."""

    sample: str
    y: int  # class index; -1 when nothing could answer
    confidence: float  # calibrated probability of `y`, in [0, 1]
    exit: int  # which exit of the model answered, 0 = nearest to the input
    zone: Zone
    version: int  # counter of the release that answered
    tier: Tier  # of the sample; an answer may go no farther than a feature of it
    degraded: bool = False  # a farther answer was wanted and did not come in time


def to_input(x: NDArray[np.generic], scale: float) -> NDArray[np.float32]:
    """A raw sample as a model wants it: bytes are scaled, floats are taken as they are."""
    if x.dtype == np.uint8:
        return np.asarray(x, np.float32) * np.float32(scale)
    return np.asarray(x, np.float32)


@dataclass(frozen=True, eq=False)
class Examples:
    """Samples with labels, as arrays; `x` is [n, ...] float32, `y` [n] int64 (-1: unlabelled)."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    tier: Tier

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: NDArray[np.int64] | slice) -> Examples:
        """A part of them."""
        return Examples(self.x[rows], self.y[rows], self.tier)

    def join(self, other: Examples) -> Examples:
        """Both, under the higher of the two tiers."""
        return Examples(
            np.concatenate([self.x, other.x]),
            np.concatenate([self.y, other.y]),
            max(self.tier, other.tier),
        )
