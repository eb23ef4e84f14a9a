"""Entropy exit: answer here when the whole distribution is sharp enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Bools, Floats, entropy


@dataclass(frozen=True)
class Entropy:
    """True where entropy, divided by log(classes), is at most `threshold`.

    The division lets one threshold serve any number of classes. Source: Teerapittayanon et al. 2016,
    arXiv:1709.01686, where it is not normalised.

    >>> Entropy(threshold=0.5)(np.array([[1.0, 0.0], [0.5, 0.5]])).tolist()
    [True, False]
    """

    threshold: float = 0.4  # below 0 never answers, 1 always does

    def __call__(self, probabilities: Floats) -> Bools:
        """Whether to answer here."""
        return np.asarray(entropy(probabilities) <= self.threshold)
