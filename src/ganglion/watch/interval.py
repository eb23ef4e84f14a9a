"""Intervals to print beside a measured figure: one proportion, two models on the same samples, or any mean."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.random import Generator

from ..core.binomial import clopper_pearson
from ..core.probability import Bools, Floats


@dataclass(frozen=True)
class Interval:
    """An estimate and the range that holds the truth with the stated probability."""

    value: float
    low: float
    high: float
    level: float


def proportion(hits: int, trials: int, level: float = 0.95) -> Interval:
    """Exact interval of a proportion. Source: Clopper & Pearson 1934 (Biometrika 26)."""
    return Interval(hits / trials if trials else 0.0, *clopper_pearson(hits, trials, level), level)


def paired(right: Bools, other_right: Bools, level: float = 0.95) -> Interval:
    """Difference of two accuracies on the same samples, `right` minus `other_right`, both [n].

    Normal interval with half a sample added to each of the four cells, which keeps its level where few samples differ.
    Source: Agresti & Min 2005 (Statistics in Medicine 24).
    """
    if right.shape != other_right.shape or right.ndim != 1 or not len(right):
        raise ValueError(f"paired accuracies need the same samples, got {right.shape} and {other_right.shape}")
    gained = int((right & ~other_right).sum())
    lost = int((other_right & ~right).sum())
    many, up, down = len(right) + 2.0, gained + 0.5, lost + 0.5
    centre = (up - down) / many
    half = NormalDist().inv_cdf((1 + level) / 2) * float(np.sqrt((up + down) / many - centre**2) / np.sqrt(many))
    return Interval((gained - lost) / len(right), max(-1.0, centre - half), min(1.0, centre + half), level)


def bootstrap(values: Floats, rng: Generator, level: float = 0.95, draws: int = 2000) -> Interval:
    """Percentile interval of the mean of `values` [n]; for two systems pass their differences sample by sample.

    Source: Efron 1979 (Annals of Statistics 7).
    """
    if not len(values):
        raise ValueError("a mean of no values has no interval; measure at least one")
    means = values[rng.integers(len(values), size=(draws, len(values)))].mean(-1)  # [draws]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(values.mean()), float(low), float(high), level)
