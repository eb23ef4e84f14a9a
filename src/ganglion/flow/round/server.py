"""The asking side of a round. It knows who answered and when to stop waiting, not how updates are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Tell, Wake, Woke
from ...core.ref import Ref
from ...core.update import Counted
from .messages import Aggregate, Ask, Declined, Learnt, RoundOver, Weights


class Phase(IntEnum):
    """Where a round stands."""

    NEW = 0
    ASKING = 1
    ADDING = 2
    OVER = 3


@dataclass
class Round:
    """Durable: asks each of the cohort once, ends once, counts nobody twice."""

    number: int
    base: Ref
    cohort: tuple[NodeId, ...]
    quorum: int
    patience_s: float
    phase: Phase = Phase.NEW
    got: dict[NodeId, Counted] = field(default_factory=dict)
    declined: dict[NodeId, str] = field(default_factory=dict)
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which round."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                self.phase = Phase.ASKING
                asks = [Send(client, Ask(self.number, self.base)) for client in self.cohort]
                return [*asks, Wake("late", now_s + self.patience_s)]
            case Phase.ASKING, Heard(client, Learnt(_, update)) if client in self.cohort and client not in self.got:
                self.got[client] = update
                return self._enough()
            case Phase.ASKING, Heard(client, Declined(_, why)) if client in self.cohort and client not in self.got:
                self.declined[client] = why
                return self._enough()
            case Phase.ASKING, Woke("late"):
                return self._add() if len(self.got) >= self.quorum else self._end(None, "too few answered in time")
            case Phase.ADDING, Done("add", Weights(model)):
                return self._end(model, "")
            case Phase.ADDING, Failed(_, why):
                return self._end(None, why)
        return [Tell(Ignored("Round", self.key, type(event).__name__, self.phase.name))]

    def _enough(self) -> Sequence[Command]:
        if len(self.got) + len(self.declined) < len(self.cohort):
            return []
        if len(self.got) >= self.quorum:
            return self._add()
        return self._end(None, "; ".join(f"{client}: {why}" for client, why in sorted(self.declined.items())))

    def _add(self) -> Sequence[Command]:
        self.phase = Phase.ADDING
        return [Do("add", Aggregate(self.number, self.base, tuple(sorted(self.got.items()))))]

    def _end(self, model: Ref | None, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        return [Tell(RoundOver(self.number, model, tuple(sorted(self.got)), why))]
