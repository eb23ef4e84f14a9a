"""The lower side of a transfer: pulls a blob from the parent, or pushes one to it, going on where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Fetched, Pushed
from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Lane, Send, Tell, Wake, Woke
from ...core.ref import Ref
from .messages import Got, Patch, Patched, Piece, Pull, Push, Slice, Sliced

CHUNK_BYTES = 256 * 1024
PATIENCE_S = 10.0  # for one chunk, before it is asked for again
AGAIN_S = 1.0  # after a failure


class Phase(IntEnum):
    """Where a transfer stands."""

    MOVING = 1
    OVER = 2


@dataclass
class Fetch:
    """Hot: whoever wants the blob begins it again after a crash, and it goes on from what the disk holds."""

    ref: Ref
    peer: NodeId
    at: int = 0  # bytes held, from the start
    until: int = 0  # end of the range that was asked for; its bytes may come in several pieces
    phase: Phase = Phase.MOVING
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """Which blob."""
        return self.ref.digest

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return [Do("patch/0", Patch(self.ref, 0, None))]
            case Done(_, Patched(held)):
                return self._on(held, now_s)
            case Heard(_, Piece(_, start, data)):
                return [Do(f"patch/{start}", Patch(self.ref, start, data))]
            case Woke("late"):
                self.until = 0
                return self._on(self.at, now_s)
            case Failed(refused=True):  # a gate said no, and told it
                self.phase = Phase.OVER
                return []
            case Failed() | Heard(_, Got(held=-1)):  # not here (yet), or not now: ask again later
                self.until = 0
                return [Wake("late", now_s + AGAIN_S)]
        return [Tell(Ignored("Fetch", self.key, type(event).__name__, self.phase.name))]

    def _on(self, held: int, now_s: float) -> Sequence[Command]:
        self.at = held
        if held >= self.ref.size_bytes:
            self.phase = Phase.OVER
            return [Tell(Fetched(self.ref))]
        if held < self.until:
            return [Wake("late", now_s + PATIENCE_S)]
        size = min(CHUNK_BYTES, self.ref.size_bytes - held)
        self.until = held + size
        ask = Send(self.peer, Pull(self.ref, held, size), Lane.BULK, PATIENCE_S, name="pull")
        return [ask, Wake("late", now_s + PATIENCE_S)]


@dataclass
class Give:
    """Hot: pushes a blob; asks first how much of it is there."""

    ref: Ref
    peer: NodeId
    at: int = 0
    phase: Phase = Phase.MOVING
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """Which blob."""
        return self.ref.digest

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began() | Woke("late"):
                ask = Send(self.peer, Push(self.ref, 0, None), Lane.BULK, PATIENCE_S, name="push")
                return [ask, Wake("late", now_s + PATIENCE_S)]
            case Heard(_, Got(_, held)) if held >= self.ref.size_bytes:
                self.phase = Phase.OVER
                return [Tell(Pushed(self.ref))]
            case Heard(_, Got(_, held)) if held >= 0:
                self.at = held
                return [Do("slice", Slice(self.ref, held, min(CHUNK_BYTES, self.ref.size_bytes - held)))]
            case Done("slice", Sliced(data)):
                push = Push(self.ref, self.at, data)
                return [
                    Send(self.peer, push, Lane.BULK, PATIENCE_S, (data,), "push"),
                    Wake("late", now_s + PATIENCE_S),
                ]
            case Failed(refused=True):  # a gate said no, and told it
                self.phase = Phase.OVER
                return []
            case Failed() | Heard():
                return [Wake("late", now_s + AGAIN_S)]
        return [Tell(Ignored("Give", self.key, type(event).__name__, self.phase.name))]
