"""The samples of which the model is closest to two classes are the hardest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Floats, margin


@dataclass(frozen=True)
class Margin:
    """1 less the lead of the likeliest class over the second. Source: Scheffer et al. 2001 (IDA).

    >>> Margin()(np.array([[0.75, 0.25], [0.5, 0.5]])).tolist()
    [0.5, 1.0]
    """

    def __call__(self, probabilities: Floats) -> Floats:
        """How hard each sample is."""
        return np.asarray(1.0 - margin(probabilities))
