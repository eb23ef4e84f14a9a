"""The samples of which the model is least confident are the hardest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Floats, confidence


@dataclass(frozen=True)
class Confidence:
    """1 less the probability of the likeliest class. Source: Lewis & Gale 1994 (SIGIR).

    >>> Confidence()(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [0.25, 0.5]
    """

    def __call__(self, probabilities: Floats) -> Floats:
        """How hard each sample is."""
        return np.asarray(1.0 - confidence(probabilities))
