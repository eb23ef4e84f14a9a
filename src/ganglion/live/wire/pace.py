"""A token bucket per link: bulk takes the share that the operator and the link's own measurements leave it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from .uplink import Uplink, acknowledged

BURST_S = 0.05  # how much of a second may go at once after a pause
FULL_SLICE_BYTES, SLICE_BYTES = 64 * 1024, 16 * 1024  # of a body, unheld and paced


@dataclass
class Bucket:
    """Grants bytes at a rate; `bytes_s` is the operator's limit, None: only what `uplink` has seen counts."""

    now_s: Callable[[], float]
    bytes_s: float | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    uplink: Uplink = field(default_factory=Uplink)
    sockets: set[socket.socket] = field(default_factory=set)  # that carry bulk over this link
    _free_s: float = field(default=0.0)  # when everything granted so far will have gone

    @property
    def rate(self) -> float | None:
        """The pace in force; None holds nothing back."""
        known = [one for one in (self.bytes_s, self.uplink.pace_bytes_s) if one is not None]
        return min(known, default=None)

    @property
    def slice_bytes(self) -> int:
        """How much to ask for at a time: small where a large one would stand in others' way."""
        return FULL_SLICE_BYTES if self.rate is None else SLICE_BYTES

    async def take(self, size_bytes: int) -> None:
        """Waits until so many bytes may go."""
        self.uplink.look(self.now_s(), self._acknowledged)
        rate = self.rate
        if rate is None:
            return
        now_s = self.now_s()
        self._free_s = max(self._free_s, now_s - BURST_S) + size_bytes / rate
        if self._free_s > now_s:
            await self.sleep(self._free_s - now_s)

    def _acknowledged(self) -> tuple[int, bool]:
        self.sockets = {one for one in self.sockets if one.fileno() >= 0}
        seen = [acknowledged(one) for one in self.sockets]
        return sum(size for size, _ in seen), any(busy for _, busy in seen)
