"""How high the mean loss may truly be, from losses of held-out samples: certain to a level, on average, or as it is.

All take losses [n] in [0, 1] of independent samples and give the number that is held against the stated risk.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...core.binomial import regularised_beta, upper_bound

Losses = NDArray[np.float64]


@dataclass(frozen=True)
class FixedSequence:
    """A bound that holds with probability `level`; tried along an order fixed beforehand, it holds for what is chosen.

    Losses of 0 and 1 are bounded exactly, others by Hoeffding and Bentkus. Source: Angelopoulos et al. 2021,
    arXiv:2110.01052 (learn then test); Clopper & Pearson 1934.
    """

    level: float = 0.95
    worst_so_far: ClassVar[bool] = False

    def __call__(self, losses: Losses) -> float:
        """The upper bound."""
        total, samples = float(losses.sum()), len(losses)
        if _is_count(losses):
            return upper_bound(round(total), samples, self.level)
        return hoeffding_bentkus(total / samples, samples, self.level)

    def keeps(self, losses: Losses, risk: float) -> bool:
        """Whether the bound is at most `risk`, without looking for the bound."""
        total, samples = float(losses.sum()), len(losses)
        if not _is_count(losses):
            return _p_value(total / samples, samples, risk) <= 1.0 - self.level
        return risk >= 1.0 or (total < samples and regularised_beta(total + 1.0, samples - total, risk) >= self.level)


@dataclass(frozen=True)
class Conformal:
    """The mean loss of a fresh sample, averaged over all held-out sets that might have been drawn.

    Asks for a loss that only grows along the path, so a sample's worst so far stands for its loss. Less strict than a
    certificate: in about half of all deployments the risk may be exceeded by a little. Source: Angelopoulos et al.
    2022, arXiv:2208.02814, equation 4.
    """

    worst_so_far: ClassVar[bool] = True

    def __call__(self, losses: Losses) -> float:
        """The bound on the expectation."""
        return float((losses.sum() + 1.0) / (len(losses) + 1))

    def keeps(self, losses: Losses, risk: float) -> bool:
        """Whether the bound is at most `risk`."""
        return self(losses) <= risk


@dataclass(frozen=True)
class Empirical:
    """The mean on the held-out samples. It promises nothing about others."""

    worst_so_far: ClassVar[bool] = False

    def __call__(self, losses: Losses) -> float:
        """The mean."""
        return float(losses.mean())

    def keeps(self, losses: Losses, risk: float) -> bool:
        """Whether the mean is at most `risk`."""
        return self(losses) <= risk


def hoeffding_bentkus(mean: float, samples: int, level: float) -> float:
    """A bound that the expectation of losses in [0, 1] exceeds with probability at most 1 - level.

    The least risk that the p-value min(Hoeffding, e times binomial) refutes, by bisection. Source: Bates et al. 2021,
    arXiv:2101.02703, theorem 5 and section 3.1.2.

    >>> round(hoeffding_bentkus(0.0, 200, 0.95), 4)
    0.0149
    """
    low, high = mean, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        if _p_value(mean, samples, middle) > 1.0 - level:
            low = middle
        else:
            high = middle
    return high


def _is_count(losses: Losses) -> bool:
    return bool(((losses == 0) | (losses == 1)).all())


def _p_value(mean: float, samples: int, risk: float) -> float:
    """How likely a mean so low would be if the expectation were above `risk`."""
    if mean >= risk:
        return 1.0
    apart = (1.0 - mean) * math.log((1.0 - mean) / (1.0 - risk)) if risk < 1.0 else math.inf
    apart += mean * math.log(mean / risk) if mean else 0.0
    hits = math.ceil(samples * mean)
    binomial = 1.0 if hits >= samples else 1.0 - regularised_beta(hits + 1.0, samples - hits, risk)
    return min(math.exp(-samples * apart), math.e * binomial)
