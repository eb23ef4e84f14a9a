"""The samples of which the model is least certain over all classes are the hardest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Floats, entropy


@dataclass(frozen=True)
class Entropy:
    """Entropy over log(classes). Source: Shannon 1948; Dagan & Engelson 1995 (ICML), as a score.

    >>> Entropy()(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [0.0, 1.0]
    """

    def __call__(self, probabilities: Floats) -> Floats:
        """How hard each sample is."""
        return np.asarray(entropy(probabilities))
