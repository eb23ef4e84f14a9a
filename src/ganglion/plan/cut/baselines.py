"""What a plan is compared with: everything at one host, a cut at random, and the best fixed cut."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.random import Generator

from .chain import Chain
from .places import Places
from .split import Limits, Split, described, keeps, worth
from .table import Table


def single(chain: Chain, places: Places, limits: Limits) -> dict[str, Split]:
    """Everything at one host, for each host and each way to write the input: raw, as JPEG, …, that may be there.

    Named "only HOST" or "only HOST, WIRE"; whoever compares fairly takes the best of them.
    """
    table, n = Table(chain, places, limits.tier, whole=True), len(chain.boundaries)
    found: dict[str, Split] = {}
    for at in np.argwhere(keeps(table, limits)):
        one = described(table, tuple(int(i) for i in at))
        host, wire = places.names[sum(cut < n for cut in one.cut)], next((w for w in one.wires if w), None)
        name = f"only {host}, {wire}" if wire else f"only {host}"
        if name not in found or one.figures.latency_s < found[name].figures.latency_s:  # the best thresholds of exits
            found[name] = one
    return found


def random_cut(chain: Chain, places: Places, limits: Limits, rng: Generator) -> Split:
    """Any way that keeps the limits, each as likely. Raises ValueError if none does."""
    table = Table(chain, places, limits.tier, limits.whole)
    return described(table, tuple(int(i) for i in rng.choice(np.argwhere(keeps(table, limits)))))


def best_static(chain: Chain, conditions: Sequence[Places], limits: Limits) -> tuple[Split, ...]:
    """The one way that is best on the mean over all conditions, as it is in each of them."""
    tables = [Table(chain, places, limits.tier, limits.whole) for places in conditions]
    mean = np.mean([np.where(keeps(table, limits), worth(table, limits), np.inf) for table in tables], axis=0)
    at = tuple(int(i) for i in np.unravel_index(int(mean.argmin()), mean.shape))
    return tuple(described(table, at) for table in tables)
