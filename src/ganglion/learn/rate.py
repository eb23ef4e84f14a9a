"""Rates that change from round to round: a factor on what a client or the server would step by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """The same in every round."""

    def __call__(self, number: int) -> float:
        """1."""
        return 1.0


@dataclass(frozen=True)
class Exponential:
    """decay to the power of the round's number, such as 0.99 a round. Source: McMahan et al. 2017 use it on CIFAR."""

    decay: float = 0.99

    def __call__(self, number: int) -> float:
        """The factor of round `number`, from 0."""
        return self.decay**number


@dataclass(frozen=True)
class Inverse:
    """1 / (1 + number / half): proofs of local SGD ask for such. Source: Li et al. 2020, arXiv:1907.02189."""

    half: float = 50.0  # rounds after which it has halved

    def __call__(self, number: int) -> float:
        """The factor of round `number`, from 0."""
        return 1.0 / (1.0 + number / self.half)


@dataclass(frozen=True)
class Cosine:
    """Rises in a line over `warm` rounds, then falls along half a cosine to `least` at `rounds`.

    Source: Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts.
    """

    rounds: int = 100
    warm: int = 0
    least: float = 0.0

    def __call__(self, number: int) -> float:
        """The factor of round `number`, from 0."""
        if number < self.warm:
            return (number + 1) / (self.warm + 1)
        along = min(1.0, (number - self.warm) / max(1, self.rounds - self.warm))
        return self.least + (1.0 - self.least) * (1.0 + math.cos(math.pi * along)) / 2.0
