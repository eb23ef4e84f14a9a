"""FedCS: as many clients as a round's deadline has room for, the quick ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from ...core.fleet import NodeId
from ...core.history import Record


@dataclass(frozen=True)
class FedCs:
    """Of `among` times `count` candidates drawn at random, those that are expected back before the deadline.

    Source: Nishio & Yonetani 2019, arXiv:1804.08333, algorithm 3. Departures: how long a client takes is learnt from
    its answers, not declared by it; uploads do not queue for one channel, so the greedy choice by least added time is
    the choice by least time; `explore` of the places go to those never seen, else nobody new would ever be measured.
    """

    count: int = 10  # the most that are asked
    deadline_s: float = 60.0
    among: float = 3.0  # times count: how many are asked for their resources
    explore: float = 0.1  # share of the places for those never seen
    number: int = 0  # of the round
    seen: Mapping[NodeId, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1 or self.among < 1.0 or self.deadline_s <= 0.0 or not 0.0 <= self.explore <= 1.0:
            raise ValueError(f"{self} asks nobody: count and among are 1 or more, deadline_s above 0, explore a share")

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        """Those that are asked; the same for any order of the candidates."""
        known = candidates if getattr(candidates, "ordered", False) else sorted(set(candidates))
        drawn = rng.choice(len(known), min(round(self.count * self.among), len(known)), replace=False)
        few = [known[place] for place in drawn]
        new = [client for client in few if client not in self.seen]
        fast = sorted((c for c in few if c in self.seen), key=lambda c: (self.seen[c].seconds, c))
        fast = [client for client in fast if self.seen[client].seconds <= self.deadline_s]
        room = min(len(new), max(round(self.explore * self.count), self.count - len(fast)))
        chosen = fast[: self.count - room] + new[:room]
        return tuple(sorted(chosen or few[: self.count]))  # nobody is quick enough: somebody must learn
