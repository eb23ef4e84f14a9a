"""All ways that no other way beats in everything: latency, energy, price and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...core.probability import Floats
from .chain import Chain
from .columns import column
from .graph import Ints
from .places import Places
from .split import Limits, Split, described, keeps
from .table import Table

AIMS = {"latency_s": 1.0, "energy_j": 1.0, "price": 1.0, "accuracy": -1.0}  # -1: more is better


def pareto(chains: Sequence[Chain], places: Places, limits: Limits) -> tuple[Split, ...]:
    """The exact front among the ways that keep the limits, quickest first; of equal ways the first.

    Empty if no way keeps them.
    """
    found: list[tuple[Table, int]] = []
    rows: list[Floats] = []
    for chain in chains:
        table = Table(chain, places, limits.tier, limits.whole)
        aims = np.stack(
            [np.broadcast_to(sign * column(table, name), table.shape).ravel() for name, sign in AIMS.items()]
        )
        kept = np.flatnonzero(keeps(table, limits))
        kept = kept[front(aims[:, kept].T)]
        found += [(table, int(at)) for at in kept]
        rows.append(aims[:, kept].T)
    best = [found[i] for i in front(np.vstack(rows))]
    return tuple(described(table, tuple(int(i) for i in np.unravel_index(at, table.shape))) for table, at in best)


def front(points: Floats) -> Ints:
    """Indices of the points [n, aims] that no other point equals or beats in every aim, least first aim first.

    Of equal points the first stays. After sorting by all aims in turn, the first point left is always on the front.
    """
    left = np.lexsort((np.arange(len(points)), *points.T[::-1]))
    found = []
    while len(left):
        first = left[0]
        found.append(int(first))
        left = left[(points[left] < points[first]).any(1)]
    return np.array(found, np.int64)
