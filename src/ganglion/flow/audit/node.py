"""One node's side: declassifications, denials and what others gave up go to the node's audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited, Denied, Missed
from ...core.process import Began, Command, Do, Done, Event, Ignored, Tell, Told
from .messages import Log


class Phase(IntEnum):
    """It writes as long as its node lives."""

    WRITING = 1
    OVER = 2


@dataclass
class Auditor:
    """Durable: an act that was told is in the log, crash or not."""

    phase: Phase = Phase.WRITING
    written: int = 0
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
            case Told(Audited() | Denied() | Missed() as body):
                return self._write(act_of(body), now_s)
            case Done():
                return []
        return [Tell(Ignored("Auditor", "", type(event).__name__, self.phase.name))]

    def _write(self, act: Audited, now_s: float) -> Sequence[Command]:
        self.written += 1
        return [Do(f"log/{self.written}", Log(act, now_s))]


def act_of(body: Audited | Denied | Missed) -> Audited:
    """A fact as the log has it."""
    match body:
        case Audited():
            return body
        case Denied(gate, what, peer, why):
            return Audited(f"denied at {gate}", f"{what} {peer}", why)
        case Missed(sender, first, last, items, _, why):
            return Audited("missed", f"{items} items, numbers {first} to {last} of {sender}", why)
