"""The edge's side: everything it sees is kept within a quota; the oldest goes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Seen
from ...core.process import Began, Command, Do, Done, Event, Failed, Ignored, Tell, Told, Wake, Woke
from ...core.ref import Ref
from .messages import Keep

TOGETHER_S = 0.5  # samples seen within so many seconds are written at once


class Phase(IntEnum):
    """It keeps as long as its node lives."""

    KEEPING = 1
    OVER = 2


@dataclass
class Keeper:
    """Hot: what is kept lies on disk; what was not yet written when the power went was not kept."""

    phase: Phase = Phase.KEEPING
    waiting: tuple[tuple[str, Ref, float], ...] = ()
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per edge."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Told(Seen(sample, x)):
                first = not self.waiting
                self.waiting = (*self.waiting, (sample, x, now_s))
                return [Wake("write", now_s + TOGETHER_S)] if first else []
            case Woke("write"):
                batch, self.waiting = self.waiting, ()
                return [Do("keep", Keep(batch))]
            case Began() | Done() | Failed():
                return []
        return [Tell(Ignored("Keeper", "", type(event).__name__, self.phase.name))]
