"""The order in which thresholds are tried, from never to always, fixed without the samples that they are tried on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from .held import Held

Path = tuple[tuple[float, ...], ...]  # per step, a threshold for each exit but the last; the first step is never
GRID = tuple(step / 400 for step in range(400, -1, -1))  # of scores within [0, 1]


def common(exits: int, grid: Sequence[float] = GRID) -> Path:
    """One threshold for all early exits, tried from the highest down; `grid` is in the unit of the score.

    >>> common(3, (1.0, 0.5))
    ((inf, inf), (1.0, 1.0), (0.5, 0.5))
    """
    return tuple((threshold,) * (exits - 1) for threshold in (math.inf, *sorted(grid, reverse=True)))


def greedy(held: Held, costs: Sequence[float], levels: int = 64) -> Path:
    """A threshold of its own for each exit: step by step, the one is lowered that saves most for what it loses.

    `held` are samples that are not used to choose thresholds afterwards; `costs` is what answering at each exit costs
    in all, in any unit. Source: the path of Angelopoulos et al. 2021, arXiv:2110.01052, section 5.1, found greedily.
    Raises ConfigError where costs are not one per exit.
    """
    exits = len(held.sure)
    if len(costs) != exits:
        raise ConfigError(f"{len(costs)} costs for {exits} exits; give what answering at each costs")
    ladders = [_ladder(held.sure[early], levels) for early in range(exits - 1)]
    at = [0] * (exits - 1)
    path = [tuple(ladder[0] for ladder in ladders)]
    now = _value(held, path[0], costs)
    while any(place + 1 < len(ladder) for place, ladder in zip(at, ladders, strict=True)):
        moves = []
        for early, ladder in enumerate(ladders):
            if at[early] + 1 < len(ladder):
                step = (*path[-1][:early], ladder[at[early] + 1], *path[-1][early + 1 :])
                lost, cost = _value(held, step, costs)
                saved = max(now[1] - cost, 1e-12)
                moves.append(((lost - now[0]) / saved, early, step, (lost, cost)))
        _, early, step, now = min(moves)
        at[early] += 1
        path.append(step)
    return tuple(path)


def _ladder(sure: NDArray[np.floating], levels: int) -> list[float]:
    """Never, then thresholds that let through one more part of the samples each."""
    steps = np.quantile(sure, np.linspace(1.0, 0.0, levels + 1)[1:])
    return [math.inf, *dict.fromkeys(float(one) for one in steps)]


def _value(held: Held, thresholds: Sequence[float], costs: Sequence[float]) -> tuple[float, float]:
    """Mean loss and mean cost."""
    at = held.exits(thresholds)
    return float(held.losses(at).mean()), float(np.dot(held.shares(at), costs))
