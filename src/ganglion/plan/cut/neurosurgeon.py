"""The planner of Neurosurgeon: one cut of a chain, from regressions of layer times per kind of layer.

Source: Kang et al. 2017 (ASPLOS). Theirs fits logarithms for some kinds; here every kind is linear in work and bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...core.model import Kernel
from ...core.probability import Floats
from .chain import Chain
from .places import Places
from .split import Limits, Split, described, keeps, worth
from .table import Table


@dataclass(frozen=True, eq=False)
class LayerTimes:
    """Seconds of a kernel by itself, for each kind: a constant, per operation, per byte of output and of weights."""

    weights: dict[str, Floats]  # kind -> [4]

    @classmethod
    def fit(cls, kernels: Sequence[Kernel], seconds: Floats) -> LayerTimes:
        """From isolated kernels and their seconds [kernels]; a kind of fewer than four gets its least-norm fit."""
        found = {}
        for kind in sorted({kernel.op for kernel in kernels}):
            mine = [i for i, kernel in enumerate(kernels) if kernel.op == kind]
            rows = _features([kernels[i] for i in mine])
            scale = np.maximum(np.abs(rows).max(0), 1e-30)  # work and bytes are of different sizes
            found[kind] = np.linalg.lstsq(rows / scale, np.asarray(seconds)[mine], rcond=None)[0] / scale
        return cls(found)

    def __call__(self, kernels: Sequence[Kernel]) -> Floats:
        """Predicted seconds [kernels]; 0 for a kind that was never seen."""
        rows = _features(kernels)
        weights = np.array([self.weights.get(kernel.op, np.zeros(4)) for kernel in kernels]).reshape(-1, 4)
        return np.asarray(np.maximum((rows * weights).sum(1), 0.0))


def neurosurgeon(chain: Chain, predicted: Floats, places: Places, limits: Limits) -> Split:
    """The one cut that looks best with predicted seconds [segments], at the input's host and the farthest alone.

    Tensors are written in the chain's first wire. The figures are the chain's own, not the predicted ones. Raises
    ValueError if no such cut keeps the limits.
    """
    guess = Table(replace(chain, seconds=np.asarray(predicted), measured={}), places, limits.tier)
    inner, n = guess.cuts[:, 1:-1], len(guess.cuts)
    one = (inner == inner[:, :1]).all(1)
    first = len(chain.wires) ** len(places.links)  # the first of each so many rows is written in the first wires
    plain = keeps(guess, limits).reshape(-1, first, n)[:, 0] & one
    if not plain.any():
        raise ValueError(f"no single cut of {chain.variant} over {', '.join(places.names)} keeps {limits}")
    least = np.where(plain, worth(guess, limits).reshape(-1, first, n)[:, 0], np.inf)
    setting, cut = (int(i) for i in np.unravel_index(int(least.argmin()), least.shape))
    return described(Table(chain, places, limits.tier), (setting, *[0] * len(places.links), cut))


def _features(kernels: Sequence[Kernel]) -> Floats:
    return np.array([(1.0, one.flops, one.out_bytes, one.param_bytes) for one in kernels]).reshape(-1, 4)
