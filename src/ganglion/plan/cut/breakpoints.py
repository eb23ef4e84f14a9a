"""The best way as a function of one link's rate, found once and looked up without a solver; and when to switch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import ConfigError
from ...core.probability import Floats
from .chain import Chain
from .columns import column
from .places import Places
from .split import Limits, Split, described, keeps
from .table import Table


@dataclass(frozen=True)
class Piece:
    """A way that is best over a range of rates."""

    from_bytes_s: float  # down to this rate; the next piece is best below
    fixed_s: float  # expected latency without what depends on the rate
    bytes: float  # expected on the link
    split: Split  # its figures are those at the rate that the link had when this was made

    def latency_s(self, bytes_s: float) -> float:
        """Expected latency at a rate."""
        return self.fixed_s + self.bytes / bytes_s


@dataclass(frozen=True)
class Breakpoints:
    """Pieces from the highest rates to the lowest; the last goes on down to 0."""

    pieces: tuple[Piece, ...]

    def at(self, bytes_s: float) -> Piece:
        """The best piece at a rate, in time that grows with the logarithm of their number."""
        return self.pieces[bisect_left(self.pieces, -bytes_s, key=lambda piece: -piece.from_bytes_s)]


@dataclass(frozen=True)
class Hysteresis:
    """Switches only if that is expected to pay before the next change."""

    switch_s: float  # what a switch takes: loading, warming up, requests answered twice
    requests: float  # expected until conditions change again

    def __call__(self, now_s: float, best_s: float) -> bool:
        """Whether to leave a way with this latency for the best one."""
        return (now_s - best_s) * self.requests > self.switch_s


def breakpoints(chains: Sequence[Chain], places: Places, limits: Limits, link: int) -> Breakpoints:
    """The exact lower envelope of latency over all rates of one link upwards, everything else as in `places`.

    At a rate r a way takes a + b / r, with b its expected bytes on the link: a line in 1 / r. Raises ConfigError for
    another objective than latency or a deadline, which may be kept at one rate and not at another, and if no way
    keeps the limits.
    """
    if limits.objective != "latency" or np.isfinite(limits.deadline_s):
        raise ConfigError(
            "breakpoints are of latency, without a deadline; hold `Split.figures.tail_s` against it later"
        )
    tables = [Table(chain, places, limits.tier, limits.whole) for chain in chains]
    fixed, slope, where = [], [], []
    for number, table in enumerate(tables):
        none = np.zeros_like(table.chain.sent_bytes)
        sent = table.often(link) * table.crossing(link, table.chain.sent_bytes, none, none)
        sent = np.broadcast_to(sent, table.shape)
        rest = column(table, "latency_s") - sent / places.links[link].up_bytes_s
        kept = np.flatnonzero(keeps(table, limits))
        fixed.append(np.broadcast_to(rest, table.shape).ravel()[kept])
        slope.append(sent.ravel()[kept])
        where += [(number, int(at)) for at in kept]
    if not where:
        raise ConfigError(f"no way over {', '.join(places.names)} keeps {limits}; allow more, or offer other cuts")
    a, b = np.concatenate(fixed), np.concatenate(slope)
    pieces = []
    for i, low in _envelope(a, b):
        table, at = tables[where[i][0]], np.unravel_index(where[i][1], tables[where[i][0]].shape)
        pieces.append(Piece(low, float(a[i]), float(b[i]), described(table, tuple(int(one) for one in at))))
    return Breakpoints(tuple(pieces))


def _envelope(a: Floats, b: Floats) -> list[tuple[int, float]]:
    """Lines a + b x, x > 0, that are least somewhere, from x = 0 on, each with 1 / x where the next one takes over."""
    order = np.lexsort((b, a))
    least = np.minimum.accumulate(b[order])
    order = order[np.append(True, b[order][1:] < least[:-1])]  # a larger a needs a smaller b
    hull: list[int] = []
    starts: list[float] = []  # x from which a line of the hull is the least
    for i in order.tolist():
        start = 0.0
        while hull:
            start = float((a[i] - a[hull[-1]]) / (b[hull[-1]] - b[i]))
            if start > starts[-1]:
                break
            hull.pop()
            starts.pop()
            start = 0.0
        hull.append(i)
        starts.append(start)
    return [(i, 1.0 / end) for i, end in zip(hull, [*starts[1:], np.inf], strict=True)]
