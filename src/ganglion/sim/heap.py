"""Virtual time: a heap of things to happen, taken in order of time, then of asking."""

from __future__ import annotations

import heapq
from collections.abc import Callable


class Heap:
    """All that is still to happen. `life` lets a crashed node's events die with it."""

    def __init__(self) -> None:
        self._now_s = 0.0
        self._asked = 0
        self._heap: list[tuple[float, int, Callable[[], None]]] = []

    def now_s(self) -> float:
        """Seconds since the world began."""
        return self._now_s

    def push(self, at_s: float, call: Callable[[], None]) -> None:
        """Lets something happen at a time; not before now."""
        self._asked += 1
        heapq.heappush(self._heap, (max(at_s, self._now_s), self._asked, call))

    def step(self) -> bool:
        """Lets the next thing happen; False when there is none."""
        if not self._heap:
            return False
        self._now_s, _, call = heapq.heappop(self._heap)
        call()
        return True

    def run(self, until_s: float) -> None:
        """Lets everything happen up to a time."""
        while self._heap and self._heap[0][0] <= until_s:
            self.step()
        self._now_s = max(self._now_s, until_s)


class SimClock:
    """One node's clock; wakes of a life that has ended do not ring."""

    def __init__(self, heap: Heap, alive: Callable[[], bool]) -> None:
        self._heap = heap
        self._alive = alive

    def now_s(self) -> float:
        """Virtual seconds."""
        return self._heap.now_s()

    def wake(self, at_s: float, tell: Callable[[], None]) -> None:
        """Calls back at a time, if this life of the node still goes on."""
        self._heap.push(at_s, lambda: tell() if self._alive() else None)
