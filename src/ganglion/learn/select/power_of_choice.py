"""Power of choice: of a few drawn at random, those for whom the model does worst."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from ...core.fleet import NodeId
from ...core.history import Record


@dataclass(frozen=True)
class PowerOfChoice:
    """`count` of `among` candidates drawn without replacement, by the loss that each was last seen with.

    Source: Cho et al. 2020, arXiv:2010.01243, the variant rpow-d, which asks nobody for a loss: it takes the last one
    that came with an update. Who was never seen goes first. Departure: candidates are drawn alike, not by their share
    of the data, for the server may not know it.
    """

    count: int = 10
    among: float = 3.0  # times count: d of the paper; 1 is uniform
    number: int = 0  # of the round
    seen: Mapping[NodeId, Record] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.count < 1 or self.among < 1.0:
            raise ValueError(f"count {self.count} among {self.among} times as many: both must be 1 or more")

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        """Those that are asked; the same for any order of the candidates."""
        known = candidates if getattr(candidates, "ordered", False) else sorted(set(candidates))
        drawn = rng.choice(len(known), min(round(self.count * self.among), len(known)), replace=False)
        few = [known[place] for place in drawn]
        return tuple(sorted(sorted(few, key=self._need, reverse=True)[: self.count]))

    def _need(self, client: NodeId) -> float:
        record = self.seen.get(client)
        return float("inf") if record is None or record.loss is None else record.loss
