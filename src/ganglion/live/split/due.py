"""When requests are given up: one timer for all of them, for one each would cost more than a small part does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Due:
    """Numbers and the times by which they must be over; `late` hears each number once, unless it was dropped before.

    Times are the loop's, in seconds. What is dropped leaves the timer as it is: that fires, finds nothing late, and is
    set to the earliest of those still there.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[int], None]) -> None:
        self._loop = loop
        self._late = late
        self._due_s: dict[int, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._at_s = 0.0  # when the timer fires

    def __len__(self) -> int:
        return len(self._due_s)

    def add(self, number: int, due_s: float) -> None:
        """Waits for a number until then; a number that is there already waits until then from now on."""
        self._due_s[number] = due_s
        if self._timer is None or due_s < self._at_s:
            self._arm(due_s)

    def drop(self, number: int) -> None:
        """It is over."""
        self._due_s.pop(number, None)

    def close(self) -> None:
        """Nobody is late any more."""
        self._due_s.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, at_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._at_s = at_s
        self._timer = self._loop.call_at(at_s, self._fire)

    def _fire(self) -> None:
        self._timer = None
        now_s = max(self._loop.time(), self._at_s)  # a loop's timer may fire a tick of its clock early
        for number in [number for number, due_s in self._due_s.items() if due_s <= now_s]:
            if self._due_s.pop(number, None) is not None:
                self._late(number)
        if self._due_s and self._timer is None:
            self._arm(min(self._due_s.values()))
