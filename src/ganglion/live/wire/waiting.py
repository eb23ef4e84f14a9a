"""Parcels that cannot go yet: in order, bounded in bytes, and given up when nobody wants them any more."""

from __future__ import annotations

from asyncio import AbstractEventLoop, TimerHandle
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...core.errors import ProtocolError
from ...core.ports import Parcel, Tell
from ...core.process import Failed, Lane


@dataclass
class Counts:
    """What one node's wire has done so far."""

    sent: int = 0
    heard: int = 0
    late_out: int = 0  # parcels dropped here because nobody wanted them any more
    late_in: int = 0  # the same, noticed on arrival
    lost: int = 0  # parcels given up because a connection broke or a queue was full


@dataclass(slots=True, eq=False)
class Waiting:
    """One parcel and who is told when it cannot go."""

    parcel: Parcel
    tell: Tell
    size_bytes: int
    due_s: float | None
    timer: TimerHandle | None = None

    def fail(self, why: str) -> None:
        """Says that it did not go."""
        self.tell(Failed(self.parcel.name, why))


@dataclass
class Queue:
    """First in, first out; `freed` is called when a parcel has left because its time ran out."""

    lane: Lane
    loop: AbstractEventLoop
    most_bytes: int
    counts: Counts
    freed: Callable[[], None]
    size_bytes: int = 0
    _waiting: deque[Waiting] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, parcel: Parcel, tell: Tell, size_bytes: int) -> None:
        """Keeps a parcel. Raises ProtocolError when too much waits already."""
        if self.size_bytes + size_bytes > self.most_bytes:
            self.counts.lost += 1
            raise ProtocolError(
                f"{self.size_bytes} bytes wait on the {self.lane.name} lane already; {size_bytes} more are over the "
                f"limit of {self.most_bytes}: send less, or give parcels a deadline"
            )
        due_s = None if parcel.left_s is None else self.loop.time() + parcel.left_s
        one = Waiting(parcel, tell, size_bytes, due_s)
        if due_s is not None:
            one.timer = self.loop.call_at(due_s, self._expire, one)
        self._waiting.append(one)
        self.size_bytes += size_bytes

    def first(self) -> Waiting:
        """The one to go next."""
        return self._waiting[0]

    def pop(self) -> Waiting:
        """Takes it out, with the time that it has left."""
        one = self._waiting[0]
        self._remove(one)
        if one.due_s is not None:
            one.parcel = replace(one.parcel, left_s=max(one.due_s - self.loop.time(), 1e-9))
        return one

    def cancel(self, name: str) -> None:
        """Forgets parcels of that name."""
        for one in [one for one in self._waiting if one.parcel.name == name]:
            self._remove(one)

    def clear(self, why: str) -> None:
        """Gives all of them up."""
        for one in list(self._waiting):
            self._remove(one)
            self.counts.lost += 1
            one.fail(why)

    def _remove(self, one: Waiting) -> None:
        self._waiting.remove(one)
        self.size_bytes -= one.size_bytes
        if one.timer is not None:
            one.timer.cancel()

    def _expire(self, one: Waiting) -> None:
        self._remove(one)
        self.counts.late_out += 1
        one.fail(f"nobody wants it any more: it waited {one.parcel.left_s:g} s for credit or a connection")
        self.freed()
