"""How long something has taken, and how long the rest of it will at that pace."""

from __future__ import annotations

import time


class Pace:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    @property
    def taken_s(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._began_s

    def left_s(self, done: int, of: int) -> float:
        """Seconds that the rest will take, if it goes on as it went."""
        return self.taken_s / max(done, 1) * max(of - done, 0)
