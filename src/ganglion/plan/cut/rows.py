"""Every way to cut a chain of segments over hosts in a row, and what is special at each link."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .graph import Ints


@dataclass(frozen=True, eq=False)
class Rows:
    """Every cut, and per link in which of them something special happens."""

    cuts: Ints  # [cuts, hosts + 1]
    at: tuple[Ints, ...]  # per link [cuts]: the segment before which it is cut, or the last
    stays: tuple[Ints, ...]  # cuts in which nothing crosses
    unwritten: tuple[Ints, ...]  # cuts in which the near end only passes on
    unread: tuple[Ints, ...]  # cuts in which the far end only passes on
    passed: tuple[Ints, ...]  # cuts in which both do


@lru_cache(maxsize=64)
def rows_of(segments: int, places: int, whole: bool) -> Rows:
    """All cuts, nearest first; `whole`: only those that leave all segments to one host."""
    ends = (0, segments) if whole else range(segments + 1)
    found = sorted(combinations_with_replacement(ends, places - 1), reverse=True)
    cuts = np.array([(0, *row, segments) for row in found], np.int64)
    at = cuts[:, 1:-1].T
    crosses = at < segments
    near, far = cuts[:, :-2].T, cuts[:, 2:].T
    new, old = crosses & (near == at) & (np.arange(places - 1)[:, None] > 0), crosses & (far == at)
    special = ([np.flatnonzero(row) for row in rows] for rows in (~crosses, new, old, new & old))
    return Rows(cuts, tuple(np.minimum(at, segments - 1)), *(tuple(rows) for rows in special))


def spread(values: NDArray[Any], link: int, links: int) -> NDArray[Any]:
    """What depends on one link and the cut, [..., wires, cuts], in the shape of a table's column."""
    after = [1] * (links - link - 1)
    return values.reshape(*values.shape[:-2], *[1] * link, values.shape[-2], *after, values.shape[-1])
