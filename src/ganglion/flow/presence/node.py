"""Both sides of presence: a node speaks for itself and hands on what its children say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Activated, Answered
from ...core.fleet import NodeId
from ...core.process import Began, Command, Event, Failed, Heard, Ignored, Send, Tell, Told, Wake, Woke
from .messages import Beat, Present

BEAT_S = 2.0


class Phase(IntEnum):
    """A node is present as long as it lives."""

    BEATING = 1
    OVER = 2


@dataclass
class Presence:
    """Hot: old news is no news."""

    me: NodeId
    parent: NodeId | None
    phase: Phase = Phase.BEATING
    counter: int = 0
    answered: int = 0
    degraded: int = 0
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began() | Woke("beat"):
                beat = Beat(self.me, self.counter, self.answered, self.degraded, 0.0)
                up = [] if self.parent is None else [Send(self.parent, beat, left_s=BEAT_S)]
                return [*up, Wake("beat", now_s + BEAT_S)]
            case Heard(_, Beat(node, counter, answered, degraded) as beat):
                up = [] if self.parent is None else [Send(self.parent, beat, left_s=BEAT_S)]
                return [*up, Tell(Present(node, counter, answered, degraded))]
            case Told(Answered(answer)):
                self.answered += 1
                self.degraded += answer.degraded
                return []
            case Told(Activated(counter)):
                self.counter = counter
                return []
            case Failed():
                return []
        return [Tell(Ignored("Presence", "", type(event).__name__, self.phase.name))]
