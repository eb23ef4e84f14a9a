"""Any way to choose, within what a client may give to a job, and with nobody left out for too long."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.random import Generator

from ...core.fleet import NodeId
from ...core.history import Record
from .uniform import Uniform


@dataclass(frozen=True)
class Limited:
    """`inner`, without those whose budget is spent; whoever has waited `floor` rounds goes first.

    What a round takes of a client is declared: `round_bytes`, and `watts` as long as its last answer took. The floor
    is a bound on waiting, as long as clients are fewer than floor times places; Lai et al. 2021, arXiv:2010.06081,
    section 4.4 weigh fairness against utility instead. Where nobody has any budget left, nobody is chosen.
    """

    inner: Any = Uniform()  # a selector with a `count`
    floor: int = 0  # rounds; 0: none
    most_bytes: float = math.inf  # of one client over the job
    round_bytes: float = 0.0
    most_j: float = math.inf  # of one client over the job
    watts: float = 0.0
    number: int = 0  # of the round
    seen: Mapping[NodeId, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.floor, self.most_bytes, self.round_bytes, self.most_j, self.watts) < 0:
            raise ValueError(f"{self}: floor, budgets and what a round takes are 0 or more")

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        """Those that are asked; the same for any order of the candidates."""
        able = sorted(client for client in set(candidates) if self._can(client))
        count = min(self.inner.count, len(able))
        due = sorted((c for c in able if self.floor and self._waited(c) >= self.floor), key=self._order)[:count]
        rest = [client for client in able if client not in due]
        choose: Callable[..., tuple[NodeId, ...]] = replace(self.inner, count=max(1, count - len(due)))
        return tuple(sorted([*due, *(choose(rest, rng) if len(due) < count else ())]))

    def _can(self, client: NodeId) -> bool:
        """Whether one more round is within its budgets."""
        known = self.seen.get(client)
        times, seconds = (1, 0.0) if known is None else (known.times + 1, known.seconds)
        return times * self.round_bytes <= self.most_bytes and times * seconds * self.watts <= self.most_j

    def _waited(self, client: NodeId) -> int:
        known = self.seen.get(client)
        return self.number if known is None else self.number - known.number

    def _order(self, client: NodeId) -> tuple[int, NodeId]:
        return -self._waited(client), client
