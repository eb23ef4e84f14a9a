"""Lowers the exits' thresholds along a path for as long as the stated risk is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...core.errors import ConfigError
from .bound import FixedSequence, Losses
from .held import Held
from .path import Path, common

CERTAIN = FixedSequence(0.95)


class Bound(Protocol):
    """What is held against the risk."""

    @property
    def worst_so_far(self) -> bool:
        """Whether it asks for each sample's worst loss along the path, not for its loss."""

    def __call__(self, losses: Losses) -> float: ...
    def keeps(self, losses: Losses, risk: float) -> bool: ...


@dataclass(frozen=True)
class Thresholds:
    """How sure each early exit must be, and what that did on the held-out samples."""

    at: tuple[float, ...]  # per exit but the last; inf = it never answers
    lost: float  # mean loss
    bound: float  # the number that was held against the risk
    shares: tuple[float, ...]  # of answers per exit


def choose(held: Held, risk: float, by: Bound = CERTAIN, path: Path | None = None) -> Thresholds:
    """The farthest step of `path` before the first that breaks `risk`; without a path, one threshold for all exits.

    With CERTAIN, samples of the same kind lose more than `risk` on average with probability at most 5 %,
    however long the path; it must have been fixed before these samples were seen. Raises ConfigError where the whole
    model alone does not keep the risk, which only a loss against the truth can bring.
    """
    found: tuple[tuple[float, ...], float, Losses] | None = None
    worst, kept_at = np.zeros(len(held)), -1.0  # most steps lose no more than the one before, which was kept
    for thresholds in path or common(len(held.sure)):
        losses = held.losses(held.exits(thresholds))
        worst = np.maximum(worst, losses) if by.worst_so_far else losses
        mean = float(worst.mean())
        never = held.relative and min(thresholds, default=math.inf) == math.inf  # which loses nothing, for certain
        if not never and mean != kept_at:
            if not by.keeps(worst, risk):
                break
            kept_at = mean
        found = thresholds, float(losses.mean()), worst
    if found is None:
        raise ConfigError(
            f"the whole model loses {mean:.4f} of {len(held)} held-out samples, and up to {by(worst):.4f} of others: "
            f"more than the risk of {risk:g}; state at least that much, or a risk against the whole model"
        )
    at, lost, judged = found
    return Thresholds(at, lost, 0.0 if kept_at < 0 else by(judged), held.shares(held.exits(at)))
