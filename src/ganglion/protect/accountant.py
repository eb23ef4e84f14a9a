"""What Gaussian noise promises: epsilon at a stated delta, for one release or for many of the same data."""

from __future__ import annotations

import math

ORDERS = (*(1.0 + step / 20 for step in range(1, 200)), *(float(order) for order in range(11, 2000)))


def gaussian_delta(multiplier: float, epsilon: float, times: int = 1) -> float:
    """The least delta at which `times` Gaussian releases are (epsilon, delta)-private; exact.

    `multiplier` is the noise's standard deviation over the sensitivity. Many releases equal one of multiplier /
    sqrt(times), because the pair of distributions that tells most is again Gaussian.

    Source: Balle & Wang 2018, arXiv:1805.06530, theorem 8; Dong et al. 2019, arXiv:1905.02383 (composition).
    """
    _check(multiplier, times)
    shift = math.sqrt(times) / multiplier
    first = math.exp(_log_normal(shift / 2 - epsilon / shift))
    return max(0.0, first - math.exp(min(0.0, epsilon + _log_normal(-shift / 2 - epsilon / shift))))


def epsilon(multiplier: float, delta: float, times: int = 1) -> float:
    """The least epsilon of `times` Gaussian releases at this delta: bisection on the exact formula. 0 if delta pays."""
    _check(multiplier, times, delta)
    low, high = 0.0, 1.0
    if gaussian_delta(multiplier, 0.0, times) <= delta:
        return 0.0
    while gaussian_delta(multiplier, high, times) > delta:
        low, high = high, high * 2
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if gaussian_delta(multiplier, middle, times) > delta else (low, middle)
    return high  # the side that keeps the promise


def epsilon_rdp(multiplier: float, delta: float, times: int = 1) -> float:
    """An upper bound on epsilon by Renyi divergence; composes with other mechanisms, without subsampling.

    Source: Mironov 2017, arXiv:1702.07476 (divergence, composition); Canonne et al. 2020, arXiv:2004.00010,
    proposition 12 (to epsilon and delta).
    """
    _check(multiplier, times, delta)
    found = []
    for order in ORDERS:
        spent = times * order / (2 * multiplier**2)
        found.append(spent + math.log1p(-1 / order) - math.log(delta * order) / (order - 1))
    return max(0.0, min(found))


def _log_normal(x: float) -> float:
    """Log of the standard normal distribution function; far out by its asymptotic series, where it underflows."""
    if x > -20.0:
        return math.log(0.5 * math.erfc(-x / math.sqrt(2.0)))
    square = 1.0 / (x * x)
    series = 1.0 - square * (1.0 - 3.0 * square * (1.0 - 5.0 * square))
    return -x * x / 2 - math.log(-x * math.sqrt(2 * math.pi)) + math.log(series)


def _check(multiplier: float, times: int, delta: float = 0.5) -> None:
    if not multiplier > 0.0 or times < 1 or not 0.0 < delta < 1.0:
        raise ValueError(
            f"noise of multiplier {multiplier}, {times} times, at delta {delta} promises nothing; "
            "the multiplier must be above 0, times at least 1, delta between 0 and 1"
        )
