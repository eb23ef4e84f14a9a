"""Margin exit: answer here when the likeliest class is far enough ahead of the second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Bools, Floats, margin


@dataclass(frozen=True)
class Margin:
    """True where the likeliest class leads the second by at least `threshold` probability.

    Source: Scheffer et al. 2001 (IDA 2001), the score; Park et al. 2015 (CODES+ISSS), the exit of big/little networks.

    >>> Margin(threshold=0.5)(np.array([[0.8, 0.1, 0.1], [0.5, 0.4, 0.1]])).tolist()
    [True, False]
    """

    threshold: float = 0.6  # 0 always answers, above 1 never does

    def __call__(self, probabilities: Floats) -> Bools:
        """Whether to answer here."""
        return np.asarray(margin(probabilities) >= self.threshold)
