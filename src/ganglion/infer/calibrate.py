"""Makes a model's probabilities mean what they say: one temperature per exit, and how far off they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.probability import Floats

Labels = NDArray[np.integer[Any]]
GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def nll(logits: Floats, y: Labels, temperature: float = 1.0) -> float:
    """Mean negative log likelihood in nats of labels [n] under logits [n, classes] at a temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    top = scaled.max(-1)
    log_sum = top + np.log(np.exp(scaled - top[:, None]).sum(-1))
    return float((log_sum - scaled[np.arange(len(y)), y]).mean())


def temperature(logits: Floats, y: Labels, low: float = 0.05, high: float = 20.0) -> float:
    """The temperature that makes held-out labels [n] likeliest under logits [n, classes]; within [low, high].

    The loss is convex in 1/temperature, hence unimodal in its logarithm, where golden-section search looks for it.
    Where every sample is right no finite temperature is best, and `low` comes out.
    Source: Guo et al. 2017, arXiv:1706.04599; Kiefer 1953 (search).
    """
    if len(logits) != len(y) or not len(y):
        raise ValueError(
            f"{len(logits)} rows of logits for {len(y)} labels; calibration needs as many of both, above 0"
        )
    left, right = math.log(low), math.log(high)
    a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    at_a, at_b = nll(logits, y, math.exp(a)), nll(logits, y, math.exp(b))
    while right - left > 1e-5:
        if at_a <= at_b:
            right, b, at_b = b, a, at_a
            a = right - GOLDEN * (right - left)
            at_a = nll(logits, y, math.exp(a))
        else:
            left, a, at_a = a, b, at_b
            b = left + GOLDEN * (right - left)
            at_b = nll(logits, y, math.exp(b))
    return math.exp((left + right) / 2)


def calibration_error(probabilities: Floats, y: Labels, bins: int = 15) -> float:
    """Expected calibration error: mean gap between confidence and accuracy over bins of equal width.

    It depends on the number of bins and is biased upwards on few samples. Source: Naeini et al. 2015 (AAAI).

    >>> calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1]))
    0.0
    """
    sure = np.asarray(probabilities.max(-1), np.float64)
    right = probabilities.argmax(-1) == y
    place = np.minimum((sure * bins).astype(np.int64), bins - 1)  # [n]
    gaps = np.bincount(place, weights=right - sure, minlength=bins)  # count x (accuracy - confidence) per bin
    return float(np.abs(gaps).sum() / len(y))
