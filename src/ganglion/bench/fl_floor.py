"""What no executor can be below: a round's multiplications and additions at the rate of one large matrix product."""

from __future__ import annotations

import itertools
import time
from functools import cache

import numpy as np

SIDE = 1024  # of the product that the rate is taken from
LENET = (24 * 24 * 6 * 25, 8 * 8 * 16 * 150, 256 * 120, 120 * 10)  # products of one example, layer by layer


def floor_s(model: str, batch: int, steps: int) -> float:
    """Seconds of so many clients' steps on all cores: the way up, and twice that down but for the lowest layer's."""
    widths = [] if model == "lenet" else [int(width) for width in model.split("-")]
    layers = LENET if model == "lenet" else [one * other for one, other in itertools.pairwise(widths)]
    return 2.0 * batch * steps * (3 * sum(layers) - layers[0]) / _rate()


@cache
def _rate() -> float:
    """Additions and multiplications a second in float32, all cores together; the best of many."""
    a = np.ones((SIDE, SIDE), np.float32)
    took = []
    for _ in range(40):
        began_s = time.perf_counter()
        a @ a
        took.append(time.perf_counter() - began_s)
    return 2.0 * SIDE**3 / min(took)
