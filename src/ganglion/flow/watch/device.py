"""The device's side of drift: every answer's first confidence goes to a detector; an alarm goes to the edge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Activated, Answered, Drifted
from ...core.fleet import NodeId
from ...core.label import STATISTIC_SAMPLES, Tier
from ...core.process import Began, Command, Do, Done, Event, Ignored, Send, Tell, Told
from ...core.sample import Answer
from ...core.update import Statistic
from .messages import Alarm, Watch, Watched


class Phase(IntEnum):
    """After an alarm the device waits for another release."""

    WATCHING = 1
    ALARMED = 2
    OVER = 3


@dataclass
class Monitor:
    """Hot: a detector that starts afresh after a crash only fires later. It watches the default plan's answers."""

    me: NodeId
    parent: NodeId
    phase: Phase = Phase.WATCHING
    tier: int = 0  # highest of what was counted
    counter: int = 0  # release that answers; 0 = not known since the start
    turn: int = 0
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per device."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Began():
                return []
            case Phase.WATCHING, Told(Answered(answer, _, confidence, _, "", distance)) if self._counts(
                answer, confidence
            ):
                self.tier = max(self.tier, int(answer.tier))
                return [Do("watch", Watch(confidence, distance, answer.version, self.turn))]
            case _, Told(Answered()):
                return []
            case Phase.WATCHING, Done("watch", Watched(alarm, samples)):
                if not alarm:
                    return []
                self.phase = Phase.ALARMED
                # fewer samples would be no statistic: a detector that fires so early waits for its next one
                evidence = Statistic(max(self.tier, int(Tier.PUBLIC)), max(samples, STATISTIC_SAMPLES), ())
                return [Tell(Drifted(self.parent, self.me, samples)), Send(self.parent, Alarm(evidence))]
            case _, Told(Activated(counter)):
                self.phase, self.tier, self.counter = Phase.WATCHING, 0, counter
                self.turn += 1
                return []
        return [Tell(Ignored("Monitor", "", type(event).__name__, self.phase.name))]

    def _counts(self, answer: Answer, confidence: float) -> bool:
        """A late answer of the release before says nothing about this one."""
        return confidence >= 0.0 and self.counter in (0, answer.version)
