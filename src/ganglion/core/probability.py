"""What class probabilities say about their own certainty: the formulas that exits, selectors and calibration share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]


def softmax(logits: Floats, temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities [..., classes] of logits [..., classes]; a higher temperature makes them more even.

    >>> softmax(np.array([0.0, 0.0])).tolist()
    [0.5, 0.5]
    """
    scaled = np.asarray(logits, np.float64) / temperature
    grown = np.exp(scaled - scaled.max(-1, keepdims=True))
    return np.asarray(grown / grown.sum(-1, keepdims=True))


def confidence(probabilities: Floats) -> Floats:
    """Probability of the likeliest class: [..., classes] -> [...]."""
    return np.asarray(probabilities.max(-1))


def entropy(probabilities: Floats) -> Floats:
    """Shannon entropy over log(classes), so in [0, 1] for any number of classes: [..., classes] -> [...].

    >>> entropy(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))  # 0 log 0 is 0
    nats = -(probabilities * logs).sum(-1) + 0.0  # no negative zero
    return np.asarray(nats / np.log(probabilities.shape[-1]))


def margin(probabilities: Floats) -> Floats:
    """Likeliest class minus the second: [..., classes] -> [...], in [0, 1]."""
    two = np.partition(probabilities, -2, axis=-1)[..., -2:]
    return np.asarray(two[..., 1] - two[..., 0])
