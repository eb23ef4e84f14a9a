"""The best way to lay variants of a model over places in a row, by trying all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...core.errors import ConfigError
from ...core.label import Tier
from ...core.probability import Bools, Floats
from ...core.table import closest
from .bill import Way, bill
from .chain import Chain, Wire
from .columns import column
from .items import Figures
from .places import Places
from .table import Table

OBJECTIVES = {  # name -> its column, and whether less or more of it is better
    "latency": ("latency_s", 1.0),
    "tail": ("tail_s", 1.0),
    "energy": ("energy_j", 1.0),
    "price": ("price", 1.0),
    "accuracy": ("accuracy", -1.0),
    "throughput": ("period_s", 1.0),
}


@dataclass(frozen=True)
class Limits:
    """What every way must keep, and what the best of them is best in."""

    objective: str = "latency"
    tier: Tier = Tier.PUBLIC  # of the samples
    deadline_s: float = float("inf")  # for requests that take no early exit, too
    accuracy: float = 0.0  # least
    energy_j: float = float("inf")  # expected, of one request
    price: float = float("inf")  # expected, of one request
    whole: bool = False  # all or nothing: one host does everything


@dataclass(frozen=True)
class Split:
    """One way to lay a chain over hosts."""

    hosts: tuple[str, ...]
    variant: str
    model: str
    cut: tuple[int, ...]  # segments done when each link is reached
    tensors: tuple[str, ...]  # what crosses each link; "" = nothing
    wires: tuple[Wire | None, ...]  # how
    thresholds: tuple[float, ...]  # of each exit
    figures: Figures


def split(chains: Sequence[Chain], places: Places, limits: Limits) -> Split:
    """The best way over all variants, settings, cuts and wires; of equal ones the first, nearest cuts before others.

    Exact for the costs given. Raises ConfigError if no way keeps the limits.

    Source: Kang et al. 2017 (Neurosurgeon, ASPLOS), Li et al. 2018, arXiv:1806.07840 (Edgent), Laskaridis et al. 2020,
    arXiv:2008.06402 (SPINN), Banitalebi-Dehkordi et al. 2021, arXiv:2108.13041 (Auto-Split): each chooses some of
    cut, exits, bits and variant; here all are chosen together.
    """
    best: tuple[float, Table, tuple[int, ...]] | None = None
    for chain in chains:
        table = Table(chain, places, limits.tier, limits.whole)
        value, kept = worth(table, limits), keeps(table, limits)
        value = np.where(kept, value, np.inf)
        at = int(value.argmin())
        if np.isfinite(value.flat[at]) and (best is None or value.flat[at] < best[0]):
            best = float(value.flat[at]), table, tuple(int(i) for i in np.unravel_index(at, table.shape))
    if best is None:
        raise ConfigError(f"no way over {', '.join(places.names)} keeps {limits}; allow more, or offer other cuts")
    return described(best[1], best[2])


def worth(table: Table, limits: Limits) -> Floats:
    """The objective of every way, less being better: [settings, wires, …, cuts]."""
    if limits.objective not in OBJECTIVES:
        raise ConfigError(f"no objective {limits.objective!r}; {closest(limits.objective, OBJECTIVES)}")
    name, sign = OBJECTIVES[limits.objective]
    return np.broadcast_to(sign * column(table, name), table.shape)


def keeps(table: Table, limits: Limits) -> Bools:
    """Which ways can be and keep the limits: [settings, wires, …, cuts]."""
    kept = np.broadcast_to(table.possible, table.shape)
    for name, most in (("tail_s", limits.deadline_s), ("energy_j", limits.energy_j), ("price", limits.price)):
        if np.isfinite(most):
            kept = kept & (column(table, name) <= most)
    return kept & (column(table, "accuracy") >= limits.accuracy - 1e-12) if limits.accuracy > 0 else kept


def value(figures: Figures, limits: Limits) -> float:
    """The objective of one way, less being better."""
    name, sign = OBJECTIVES[limits.objective]
    return sign * float(getattr(figures, name))


def described(table: Table, at: tuple[int, ...]) -> Split:
    """One way of a table, by its indices, in words and figures."""
    chain, way = table.chain, way_at(table, at)
    parts = bill(chain, table.places, way)
    tensors, wires = tuple(one.tensor for one in parts.links), tuple(one.wire for one in parts.links)
    cut, thresholds = way[1], chain.thresholds[way[0]]
    return Split(table.places.names, chain.variant, chain.model, cut, tensors, wires, thresholds, parts.figures)


def way_at(table: Table, at: tuple[int, ...]) -> Way:
    """The way at some indices of a table."""
    return at[0], tuple(table.cuts[at[-1], 1:-1].tolist()), at[1:-1]
