"""One node's side: takes hard samples from `serve`, makes them last, hands them up as far as their tier may go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Hard
from ...core.fleet import NodeId
from ...core.label import Zone, may_enter
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Tell, Told
from ...core.ref import Ref
from .messages import Accepted, Delivered, Hand, Store, Stored


class Phase(IntEnum):
    """It delivers as long as its node lives."""

    DELIVERING = 1
    OVER = 2


@dataclass
class Deliver:
    """Durable: what it has accepted is in its journal or in the outbox until the receiver has committed it."""

    parent: NodeId | None
    parent_zone: Zone | None
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
                return [Do(f"store/{sample}", Store(sample, x))] if self._may_go(x) else []
            case Done(_, Stored(sample, x)) if self.parent is not None:
                self.accepted += 1
                return [Send(self.parent, Hand(sample, x), attach=(x,)), Tell(Accepted(sample))]
            case Heard(sender, Hand(sample, x)):
                self.delivered += 1
                told = [Tell(Delivered(sample, sender))]
                if self.parent is None or not self._may_go(x):
                    return told
                self.accepted += 1  # its bytes are on this disk already: they came attached
                return [*told, Send(self.parent, Hand(sample, x), attach=(x,)), Tell(Accepted(sample))]
            case Failed():
                return []  # it could not be made to last, so it was never accepted
        return [Tell(Ignored("Deliver", "", type(event).__name__, self.phase.name))]

    def _may_go(self, x: Ref) -> bool:
        return self.parent_zone is not None and may_enter(x.label, self.parent_zone)
