"""Staying awake for an answer that usually comes at once: a processor that slept answers several times more slowly.

Source: the idea is the kernel's halt polling (haltpoll governor); when it pays, and that it stops by itself, is ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

WINDOW_S = 1e-3  # the longest time awake after a message was sent
WEIGHT = 0.1  # of the newest message


class Awake:
    """Lets a loop turn without sleeping for at most `window_s` after each message sent, while that has paid lately.

    It pays where at least half of all messages come within the window: over loopback and in a rack, with small parts.
    Over a slower link, or where requests come seldom, the loop sleeps as always. 0 s: it always sleeps.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        window_s: float = WINDOW_S,
        now_s: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._loop = loop
        self._now_s = now_s
        self._window_s = window_s
        self._paid = 1.0  # share of messages that came within the window, the newest counting most
        self._sent_s = 0.0  # 0 = nothing is expected
        self._turning = False

    def sent(self) -> None:
        """A message has gone, and one is expected."""
        if not self._window_s:
            return
        self._sent_s = self._now_s()
        if not self._turning and self._paid >= 0.5:
            self._turning = True
            self._loop.call_soon(self._turn)

    def heard(self) -> None:
        """One has come."""
        if self._sent_s:
            self._paid += WEIGHT * ((self._now_s() - self._sent_s < self._window_s) - self._paid)
            self._sent_s = 0.0

    def _turn(self) -> None:
        self._turning = self._sent_s > 0.0 and self._now_s() - self._sent_s < self._window_s
        if self._turning:
            self._loop.call_soon(self._turn)
