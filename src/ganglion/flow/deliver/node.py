"""One node's side: takes hard samples from `serve`, makes them last, hands them up as far as their tier may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Hard
from ...core.fleet import NodeId
from ...core.label import Zone, may_enter
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Tell, Told, Wake, Woke
from ...core.ref import Ref
from .messages import Accepted, Delivered, Hand, Store, Stored, Take

TOGETHER_S = 0.2  # hard samples within so many seconds are written and handed on together


class Phase(IntEnum):
    """It delivers as long as its node lives."""

    DELIVERING = 1
    OVER = 2


@dataclass
class Deliver:
    """Durable: what it has accepted is in its journal or in the outbox until the receiver has committed it."""

    parent: NodeId | None
    parent_zone: Zone | None
    waiting: tuple[tuple[str, Ref], ...] = ()
    accepted: int = 0
    delivered: int = 0
    phase: Phase = Phase.DELIVERING
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return []
            case Told(Hard(sample, x)):
                return self._take(sample, x, now_s)
            case Woke("store"):
                return self._store()
            case Done(_, Stored(samples, x)):
                return [] if x is None else self._hand(samples, x)
            case Heard(sender, Hand(samples, x)):
                self.delivered += len(samples)
                told = [Tell(Delivered(sample, sender)) for sample in samples]
                # its bytes are on this disk already: they came attached
                return [*told, *(self._hand(samples, x) if self._may_go(x) else self._keep(samples, x, now_s))]
            case Done():
                return []
            case Failed():
                return []  # they could not be made to last, so they were never accepted
        return [Tell(Ignored("Deliver", "", type(event).__name__, self.phase.name))]

    def _take(self, sample: str, x: Ref, now_s: float) -> Sequence[Command]:
        if not self._may_go(x):
            return []
        first = not self.waiting
        self.waiting = (*self.waiting, (sample, x))
        return [Wake("store", now_s + TOGETHER_S)] if first else []

    def _store(self) -> Sequence[Command]:
        """One write per label: what may go is not held back by a private sample beside it, nor takes it along."""
        batch, self.waiting = self.waiting, ()
        labels = sorted({x.label for _, x in batch})
        parts = [tuple(one for one in batch if one[1].label == label) for label in labels]
        return [Do(f"store/{part[0][0]}", Store(part)) for part in parts]

    def _hand(self, samples: tuple[str, ...], x: Ref) -> Sequence[Command]:
        if self.parent is None:
            return []
        self.accepted += len(samples)
        hand = Send(self.parent, Hand(samples, x), attach=(x,))
        return [hand, *(Tell(Accepted(sample)) for sample in samples)]

    def _keep(self, samples: tuple[str, ...], x: Ref, now_s: float) -> Sequence[Command]:
        return [Do(f"take/{self.delivered}", Take(samples, x, now_s))]

    def _may_go(self, x: Ref) -> bool:
        return self.parent_zone is not None and may_enter(x.label, self.parent_zone)
