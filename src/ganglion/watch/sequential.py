"""Wald's test between two rates, looked at as often as one likes: is this rate the low one or the high one?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum


class Decision(IntEnum):
    """What a test between a low and a high rate says."""

    OPEN = 0
    LOW = 1
    HIGH = 2


@dataclass(frozen=True)
class Sprt:
    """Sequential probability ratio test of a Bernoulli rate, as a function of the counts so far.

    Stop at the first answer that is not OPEN: each is then wrong with a probability of at most about `error` where
    the rate is `low` or below, or `high` or above. Between them either answer may come.

    Source: Wald 1945 (Annals of Mathematical Statistics 16).

    >>> Sprt()(0, 61), Sprt()(1, 10), Sprt()(9, 30)
    (<Decision.LOW: 1>, <Decision.OPEN: 0>, <Decision.HIGH: 2>)
    """

    low: float = 0.05
    high: float = 0.12
    error: float = 0.01

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high < 1.0 or not 0.0 < self.error < 0.5:
            raise ValueError(f"{self} needs 0 < low < high < 1 and 0 < error < 0.5")

    def __call__(self, hits: int, trials: int) -> Decision:
        """Decides after `hits` among `trials`."""
        ratio = hits * math.log(self.high / self.low) + (trials - hits) * math.log((1 - self.high) / (1 - self.low))
        bound = math.log((1 - self.error) / self.error)
        if ratio >= bound:
            return Decision.HIGH
        return Decision.LOW if ratio <= -bound else Decision.OPEN
