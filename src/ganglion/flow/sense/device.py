"""The device's side: asks the sensor for a reading at each tick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Arrived
from ...core.process import Began, Cancel, Command, Do, Done, Event, Ignored, Tell, Told, Wake, Woke
from ...core.sample import Sample
from .messages import Read, Reading, Stream, StreamOver


class Phase(IntEnum):
    """A sensor is there as long as its device."""

    QUIET = 0
    STREAMING = 1
    OVER = 2


@dataclass
class Sense:
    """Hot: a sample exists once it was read, and then `serve` has it."""

    phase: Phase = Phase.QUIET
    stream: Stream = Stream("", 0, 1.0)
    sent: int = 0
    next_s: float = 0.0
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per device."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return []
            case Told(Stream() as stream):
                self.stream, self.sent, self.next_s = stream, 0, now_s
                self.phase = Phase.STREAMING if stream.source else Phase.QUIET
                return [Wake("tick", now_s)] if stream.source else [Cancel("tick")]
            case Woke("tick") if self.phase is Phase.STREAMING:
                return self._tick()
            case Done(_, Reading(sample, x)):
                return [Tell(Arrived(Sample(sample, x, now_s), self.stream.plan, self.stream.deadline_s))]
        return [Tell(Ignored("Sense", "", type(event).__name__, self.phase.name))]

    def _tick(self) -> Sequence[Command]:
        number = self.stream.first + self.sent
        self.sent += 1
        self.next_s += 1.0 / self.stream.rate_hz  # not from now: a late tick must not slow the stream
        read = Do(f"read/{number}", Read(self.stream.source, number))
        if self.sent == self.stream.count:
            self.phase = Phase.QUIET
            return [read, Tell(StreamOver(self.stream.source, self.sent))]
        return [read, Wake("tick", self.next_s)]
