"""The answering side of a round: fetch the base, learn from what is kept here, protect, push, answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited, Fetched, Pushed
from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Start, Tell, Told, Wake, Woke
from ...core.ref import Ref
from ...core.update import Counted
from ..adapt.messages import Improved, Learn, Material, Materials, Protect, Protected
from ..fetch.client import Fetch, Give
from ..keep.messages import Gather, Gathered
from .messages import Ask, Declined, Learnt

RETRY_S = 15.0


class Phase(IntEnum):
    """Where a client stands in a round."""

    NEW = 0
    GATHERING = 1
    FETCHING = 2
    LEARNING = 3
    PROTECTING = 4
    PUSHING = 5
    OVER = 6


@dataclass
class RoundClient:
    """Durable: one per round; it answers once, with an update or with the reason why not."""

    number: int
    server: NodeId
    least: int  # labelled samples below which it declines
    phase: Phase = Phase.NEW
    base: Ref | None = None
    data: Ref | None = None
    material: Materials | None = None
    missing: tuple[Ref, ...] = ()
    update: Counted | None = None
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which round."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Began():
                return []
            case Phase.NEW, Heard(_, Ask(_, base)):
                self.phase, self.base = Phase.GATHERING, base
                return [Do("gather", Gather(0.0, now_s, self.least))]
            case Phase.GATHERING, Done("gather", Gathered(count, data)):
                if data is None:
                    return self._decline(f"{count} labelled samples, {self.least} are needed")
                self.data = data
                return [Do("material", Material())]
            case Phase.GATHERING, Done("material", Materials() as material) if self.base is not None:
                self.phase, self.material = Phase.FETCHING, material
                self.missing = (self.base, material.replay)
                return [*self._fetch(), Wake("retry", now_s + RETRY_S)]
            case Phase.FETCHING, Told(Fetched(ref)):
                return self._fetched(ref)
            case Phase.FETCHING, Woke("retry"):
                return [*self._fetch(), Wake("retry", now_s + RETRY_S)]
            case Phase.LEARNING, Done("learn", Improved(update)):
                self.phase = Phase.PROTECTING
                return [Do("protect", Protect(update, f"round {self.number}"))]
            case Phase.PROTECTING, Done("protect", Protected() as done):
                self.phase, self.update = Phase.PUSHING, done.update
                audit = Audited("declassify", done.update.delta.digest, done.mechanism, done.epsilon, done.delta)
                return [Tell(audit), Start(Give(done.update.delta, self.server)), Wake("retry", now_s + RETRY_S)]
            case Phase.PUSHING, Told(Pushed(ref)) if self.update is not None and ref == self.update.delta:
                self.phase = Phase.OVER
                return [Send(self.server, Learnt(self.number, self.update))]
            case Phase.PUSHING, Woke("retry") if self.update is not None:
                return [Start(Give(self.update.delta, self.server)), Wake("retry", now_s + RETRY_S)]
            case _, Failed(_, why):
                return self._decline(why)
            case _, Told(Fetched() | Pushed()):
                return []
        return [Tell(Ignored("RoundClient", self.key, type(event).__name__, self.phase.name))]

    def _decline(self, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        return [Send(self.server, Declined(self.number, why))]

    def _fetch(self) -> list[Command]:
        return [Start(Fetch(ref, self.server)) for ref in self.missing]

    def _fetched(self, ref: Ref) -> Sequence[Command]:
        self.missing = tuple(other for other in self.missing if other != ref)
        if self.missing or self.base is None or self.data is None or self.material is None:
            return []
        self.phase = Phase.LEARNING
        return [Do("learn", Learn(self.base, (self.data,), self.material.replay, self.material.counter, self.number))]
