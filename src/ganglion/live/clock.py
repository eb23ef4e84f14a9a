"""Real time: the machine's monotonic clock, and wakes on the node's asyncio loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from heapq import heappop, heappush

LONGEST_S = 3600.0  # a timer is never set farther ahead, so that an endless wait is no overflow


class LiveClock:
    """A Clock over one loop. Wakes ring in order of time, then of asking, and never early.

    It keeps its own heap and one timer: asyncio's timers have no order among equals, and uvloop rounds to milliseconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._asked = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._timer: tuple[float, asyncio.TimerHandle] | None = None

    def now_s(self) -> float:
        """Seconds since a moment that means nothing; never goes back."""
        return time.monotonic()

    def wake(self, at_s: float, tell: Callable[[], None]) -> None:
        """Calls back at that time, or soon if it has passed. To be called on the loop's thread."""
        self._asked += 1
        heappush(self._heap, (at_s, self._asked, tell))
        self._set()

    def _set(self) -> None:
        if not self._heap:
            return
        at_s = self._heap[0][0]
        if self._timer is not None:
            if self._timer[0] <= at_s:
                return
            self._timer[1].cancel()
        wait_s = min(max(at_s - self.now_s(), 0.0), LONGEST_S)
        self._timer = (at_s, self._loop.call_later(wait_s, self._ring))

    def _ring(self) -> None:
        self._timer = None
        now_s = self.now_s()
        while self._heap and self._heap[0][0] <= now_s:
            self._loop.call_soon(heappop(self._heap)[2])
        self._set()
