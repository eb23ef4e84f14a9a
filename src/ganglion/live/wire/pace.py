"""A token bucket: bulk takes its share of a link and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

BURST_S = 0.05  # how much of a second may go at once after a pause


@dataclass
class Bucket:
    """Grants bytes at a rate; `bytes_s` = None does not hold anything back."""

    now_s: Callable[[], float]
    bytes_s: float | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _free_s: float = field(default=0.0)  # when everything granted so far will have gone

    async def take(self, size_bytes: int) -> None:
        """Waits until so many bytes may go."""
        if self.bytes_s is None:
            return
        now_s = self.now_s()
        self._free_s = max(self._free_s, now_s - BURST_S) + size_bytes / self.bytes_s
        if self._free_s > now_s:
            await self.sleep(self._free_s - now_s)
