"""Oort: who helps most in least time, with a part of each round for those not tried yet."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import quantiles

from numpy.random import Generator

from ...core.fleet import NodeId
from ...core.history import Record


@dataclass(frozen=True)
class Oort:
    """Utility: examples x loss, plus what is unsure about it, cut by slowness; drawn by utility near the top.

    Source: Lai et al. 2021, arXiv:2010.06081, algorithm 1 and equation 2. Departures: the loss of a client is the mean
    on its own examples, as updates bring it, for the root of the mean squared loss of each; the preferred duration is
    a percentile of those seen, not paced from round to round; where no loss came along, all count as alike useful.
    """

    count: int = 10
    explore: float = 0.9  # share of the first round's places for those never seen
    cooling: float = 0.98  # of that share, from round to round
    least: float = 0.2  # of it
    percentile: int = 50  # of the durations seen: who takes longer is cut back
    penalty: float = 2.0  # alpha: how hard
    cutoff: float = 0.95  # of the count-th best utility: from there on drawn by utility
    clip: int = 95  # percentile of utilities, above which a client counts as an outlier
    tries: int = 10**6  # rounds after which a client is asked no more
    number: int = 0  # of the round
    seen: Mapping[NodeId, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1 or not 1 <= self.percentile <= 99 or not 1 <= self.clip <= 99:
            raise ValueError(f"{self}: count must be 1 or more, percentiles 1 to 99")

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        """Those that are asked; the same for any order of the candidates."""
        known = candidates if getattr(candidates, "ordered", False) else sorted(set(candidates))
        tried = [client for client in known if client in self.seen and self.seen[client].times < self.tries]
        new = [client for client in known if client not in self.seen]
        share = max(self.least, self.explore * self.cooling**self.number)
        places = min(len(new), max(round(share * self.count), self.count - len(tried)))
        chosen = self._exploit(tried, self.count - places, rng)
        fresh = rng.choice(len(new), places, replace=False) if places else ()
        return tuple(sorted([*chosen, *(new[place] for place in fresh)]))

    def _exploit(self, tried: list[NodeId], count: int, rng: Generator) -> list[NodeId]:
        """Draws by utility among those near the count-th best; the worst are never drawn while there are better."""
        if count <= 0 or not tried:
            return []
        scores = self._utilities(tried)
        order = sorted(tried, key=lambda client: (-scores[client], client))
        limit = self.cutoff * scores[order[min(count, len(order)) - 1]]
        pool = [client for client in order if scores[client] >= limit]
        total = sum(scores[client] for client in pool)
        p = [scores[client] / total for client in pool] if total > 0.0 else None
        return [pool[place] for place in rng.choice(len(pool), min(count, len(pool)), replace=False, p=p)]

    def _utilities(self, tried: list[NodeId]) -> dict[NodeId, float]:
        records = {client: self.seen[client] for client in tried}
        raw = {client: max(one.weight, 1e-9) * max(_loss(one), 1e-9) for client, one in records.items()}
        most, preferred_s = _percentile(list(raw.values()), self.clip), self._preferred_s()
        scores = {}
        for client, one in records.items():
            unsure = math.sqrt(0.1 * math.log(max(self.number, 1) + 1) / max(one.number, 1))
            useful = min(raw[client], most) / most + unsure
            slow = (preferred_s / one.seconds) ** self.penalty if one.seconds > preferred_s else 1.0
            scores[client] = useful * slow
        return scores

    def _preferred_s(self) -> float:
        return _percentile([record.seconds for record in self.seen.values()], self.percentile)


def _loss(record: Record) -> float:
    return 1.0 if record.loss is None else record.loss


def _percentile(values: list[float], at: int) -> float:
    return quantiles(values, n=100, method="inclusive")[at - 1] if len(values) > 1 else values[0]
