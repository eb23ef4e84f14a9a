"""The upper side of a transfer: gives pieces of what it has, takes pieces of what it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Lane, Send, Tell
from .messages import Got, Patch, Patched, Piece, Pull, Push, Slice, Sliced


class Phase(IntEnum):
    """It serves as long as its node lives."""

    SERVING = 1
    OVER = 2


@dataclass
class Depot:
    """Hot: every request stands for itself."""

    asked: int = 0
    open: dict[str, tuple[NodeId, Pull | Push]] = field(default_factory=dict)
    phase: Phase = Phase.SERVING
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return []
            case Heard(peer, (Pull() | Push()) as asked):
                self.asked += 1
                name = str(self.asked)
                self.open[name] = (peer, asked)
                if isinstance(asked, Pull):
                    return [Do(name, Slice(asked.ref, asked.start, asked.size, asked=True))]
                return [Do(name, Patch(asked.ref, asked.start, asked.data))]
            case Done(name, Sliced(data)) if name in self.open:
                peer, asked = self.open.pop(name)
                start = asked.start
                return [Send(peer, Piece(asked.ref, start, data), Lane.BULK, None, (data,), "piece")]
            case Done(name, Patched(held)) if name in self.open:
                peer, asked = self.open.pop(name)
                return [Send(peer, Got(asked.ref, held), Lane.BULK)]
            case Failed(name) if name in self.open:
                peer, asked = self.open.pop(name)
                return [Send(peer, Got(asked.ref, -1), Lane.BULK)]
            case Failed():
                return []
        return [Tell(Ignored("Depot", "", type(event).__name__, self.phase.name))]
