"""What one client is asked to learn from, and what it keeps from one round to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..core.compute import Adam, Key, Sgd
from ..core.label import Tier
from ..core.ref import Ref
from ..core.tensors import Tensors

Kept = Mapping[str, Tensors]  # a client's memory, by name; empty before its first round


@dataclass(frozen=True, eq=False)
class Task:
    """One client's share of a round. Its weights are those of the round's base."""

    weights: Tensors
    data: tuple[Ref, ...]  # its own example files, taken together
    examples: int  # in them; what its update counts for
    key: Key  # decides every shuffle
    replay: tuple[Ref, ...] = ()  # learnt along so that the old is not forgotten; not counted
    common: Kept = field(default_factory=dict)  # what the server keeps for everybody beside the weights, by name
    rate: float = 1.0  # times the method's own rate: this round's place in a schedule

    @property
    def tier(self) -> Tier:
        """The highest of everything that is learnt from: the tier of what comes out."""
        return Tier(max((ref.label.tier for ref in (*self.data, *self.replay)), default=Tier.PUBLIC))

    def paced(self, how: Sgd | Adam) -> Sgd | Adam:
        """A way to learn at this round's rate."""
        return how if self.rate == 1.0 else replace(how, rate=how.rate * self.rate)
