"""Why a way was chosen: what each part takes, what comes next, and how wrong the choice can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .bill import bill
from .chain import Chain
from .items import Bill
from .places import Places
from .split import Limits, Split, described, keeps, split, value, way_at, worth
from .table import Table


@dataclass(frozen=True)
class Explained:
    """A choice with its reasons; plain enough for JSON (`dataclasses.asdict`)."""

    plan: Split
    parts: Bill
    next_best: Split | None  # the best way with another cut, variant or setting; None if there is none
    behind: float  # what the next best takes more, in the objective's unit; 0 without one
    tried: int  # ways
    kept: int  # ways that keep the limits
    regret: float | None  # see `regret_bound`; None for accuracy, whose errors are not relative
    why: str


def explain(chains: Sequence[Chain], places: Places, limits: Limits, error: float = 0.05) -> Explained:
    """The best way and its reasons. `error` is the largest relative error of any part. Raises as `split` does."""
    plan = split(chains, places, limits)
    tried = kept = 0
    parts: Bill | None = None
    others: list[Split] = []
    nearest = np.inf  # the least of all other ways, equal cuts with other wires among them
    for chain in chains:
        table = Table(chain, places, limits.tier, limits.whole)
        allowed = keeps(table, limits)
        least = np.where(allowed, worth(table, limits), np.inf)
        tried, kept = tried + least.size, kept + int(allowed.sum())
        if chain.variant == plan.variant:
            here = np.unravel_index(int(least.argmin()), table.shape)
            parts = bill(chain, places, way_at(table, tuple(int(i) for i in here)))
            least = least.copy()
            least[here] = np.inf
            nearest = min(nearest, float(least.min()))
            least[here[0], ..., here[-1]] = np.inf
        else:
            nearest = min(nearest, float(least.min()))
        if np.isfinite(least.min()):
            at = np.unravel_index(int(least.argmin()), table.shape)
            others.append(described(table, tuple(int(i) for i in at)))
    assert parts is not None  # split found it among these tables
    best = value(plan.figures, limits)
    following = min(others, key=lambda one: value(one.figures, limits), default=None)
    behind = value(following.figures, limits) - best if following else 0.0
    regret = None if limits.objective == "accuracy" else regret_bound(best, float(nearest), error)
    why = f"least {limits.objective} of {kept} ways that keep the limits, among {tried}"
    if limits.objective == "accuracy":
        why = why.replace("least", "most")
    return Explained(plan, parts, following, behind, tried, kept, regret, why)


def regret_bound(best: float, nearest: float, error: float) -> float:
    """How much more than the true best the chosen way can take, as a share of it: 0 = the choice is certain.

    Every estimate is within `error` of the truth, so the chosen way takes at most (1 + error) of its estimate and every
    other way at least (1 - error) of its own, of which `nearest` is the least.
    """
    if not np.isfinite(nearest):
        return 0.0
    if nearest <= 0.0:
        return 0.0 if best <= 0.0 else float("inf")
    return max(0.0, best * (1.0 + error) / (nearest * (1.0 - error)) - 1.0)
