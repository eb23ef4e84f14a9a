"""Exact bounds on a proportion from a count: the formula behind certified thresholds and printed intervals."""

from __future__ import annotations

import math


def regularised_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b), the distribution function of a beta variable; a, b > 0.

    Source: NIST DLMF 8.17.22, the continued fraction, evaluated from its tail.
    """
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):  # beyond the mean the mirrored fraction converges faster
        return 1.0 - regularised_beta(b, a, 1.0 - x)
    tail = 1.0
    for m in range(20 + int(3 * math.sqrt(a + b)), 0, -1):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m - 1) * (a + b + m - 1) * x / ((a + 2 * m - 2) * (a + 2 * m - 1))
        tail = 1.0 + odd / (1.0 + even / tail)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * tail)


def beta_quantile(p: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = p, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if regularised_beta(a, b, middle) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def upper_bound(hits: int, trials: int, level: float) -> float:
    """A bound that the true proportion exceeds with probability at most 1 - level. Source: Clopper & Pearson 1934.

    >>> round(upper_bound(0, 200, 0.9), 4)
    0.0114
    """
    _check(hits, trials, level)
    return 1.0 if hits == trials else beta_quantile(level, hits + 1, trials - hits)


def clopper_pearson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float]:
    """An interval that holds the true proportion with probability at least `level`. Source: Clopper & Pearson 1934."""
    _check(hits, trials, level)
    side = (1.0 + level) / 2
    low = 0.0 if hits == 0 else beta_quantile(1.0 - side, hits, trials - hits + 1)
    return low, upper_bound(hits, trials, side)


def _check(hits: int, trials: int, level: float) -> None:
    if not 0 <= hits <= trials or trials == 0:
        raise ValueError(f"{hits} hits in {trials} trials: a proportion needs a trial, and no more hits than trials")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level {level} must lie between 0 and 1; 0.95 is usual")
