"""Confidence exit: answer here when the likeliest class is likely enough. The rule that plans are made for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Bools, Floats, confidence


@dataclass(frozen=True)
class Confidence:
    """True where the likeliest class has at least `threshold` probability.

    Source: Hendrycks & Gimpel 2017, arXiv:1610.02136 (the score); Huang et al. 2018, arXiv:1703.09844 (the exit).

    >>> Confidence(threshold=0.8)(np.array([[0.9, 0.1], [0.6, 0.4]])).tolist()
    [True, False]
    """

    threshold: float = 0.8  # 0 always answers, above 1 never does

    def __call__(self, probabilities: Floats) -> Bools:
        """Whether to answer here."""
        return np.asarray(confidence(probabilities) >= self.threshold)
