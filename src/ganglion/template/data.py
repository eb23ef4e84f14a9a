"""The data: scikit-learn's breast cancer measurements, which come with it. This file must not import torch.

`examples(part)` gives public (x, y) for "train", "calibration" and "test". `stream(node)` gives (x, y, tiers): what the
sensor of a device reads, over and over; y is for whoever watches and for the site's own source of labels. x is [n, ...]
of floats, or of uint8 with SCALE = what to multiply by. You may add `score(y, predicted) -> float`, your own metric.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer

CLASSES = ("malignant", "benign")
ROWS = {"train": slice(0, 260), "calibration": slice(260, 380), "test": slice(380, 480), "stream": slice(480, 569)}
TIERS = ("public", "edge", "user")  # may be answered anywhere, on its site, on its device only


@cache
def measurements() -> tuple[Any, Any]:
    """All 569 of them in a fixed random order, each column with mean 0 and deviation 1 over the training part."""
    x, y = load_breast_cancer(return_X_y=True)
    order = np.random.default_rng(1).permutation(len(x))
    x, y = x[order], y[order]
    known = x[ROWS["train"]]
    return (x - known.mean(0)) / known.std(0), y


def examples(part: str) -> tuple[Any, Any]:
    """Public samples and their classes."""
    x, y = measurements()
    return x[ROWS[part]], y[ROWS[part]]


def stream(node: str) -> tuple[Any, Any, list[str]]:
    """What one device reads: three in five are public, every tenth never leaves the device."""
    x, y = examples("stream")
    tiers = np.random.default_rng(len(node)).choice(TIERS, len(x), p=[0.6, 0.3, 0.1])
    return x, y, [str(tier) for tier in tiers]
