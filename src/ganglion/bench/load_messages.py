"""What the load bench sends and who takes it: a durable message of a stated size, and a durable flow that counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ..core.codec import Codec
from ..core.process import Began, Command, Event, Heard
from ..node.bodies import all_bodies


@dataclass(frozen=True)
class Note:
    """Lower to upper: a message to be kept."""

    number: int  # from 1, in order
    text: str


class Phase(IntEnum):
    """It counts as long as its node lives."""

    COUNTING = 1
    OVER = 2


@dataclass
class Sink:
    """Durable: every note is in its journal, and its count in the next snapshot."""

    taken: dict[str, int] = field(default_factory=dict)  # by sender: notes, whose last number must be the same
    gaps: int = 0  # notes whose number was not the next
    phase: Phase = Phase.COUNTING
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
            case Heard(sender, Note(number)):
                self.taken[sender] = self.taken.get(sender, 0) + 1
                self.gaps += number != self.taken[sender]
        return []


def codec() -> Codec:
    """A node's codec, which knows these too."""
    return Codec([*all_bodies(), Note, Sink])
