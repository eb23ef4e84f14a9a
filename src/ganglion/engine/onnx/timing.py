"""How long one stage takes on this machine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...core.compute import Timed
from .runner import OnnxRunner


def time_stage(
    graph: bytes,
    stored: bytes,
    input_shape: tuple[int, ...],
    runs: int,
    warm: int,
    clock: Callable[[], float],
) -> Timed:
    """Median and 95th percentile over `runs` calls with a batch of one, after `warm` unseen ones.

    `input_shape` is the stage's input without the batch; `clock` gives monotonic seconds, such as perf_counter.
    """
    run = OnnxRunner().load(graph, stored)
    x = np.zeros((1, *input_shape), np.float32)
    for _ in range(warm):
        run(x)
    took_s = np.empty(runs)
    for turn in range(runs):
        began_s = clock()
        run(x)
        took_s[turn] = clock() - began_s
    p50_s, p95_s = np.quantile(took_s, [0.5, 0.95])
    return Timed(float(p50_s), float(p95_s), runs)
