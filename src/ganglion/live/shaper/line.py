"""When bytes are through a line whose rate follows a trace: arithmetic alone, no clock."""

from __future__ import annotations

from ...core.fleet import Link

SLICE_S = 0.01  # most line time that one chunk takes, so that connections take turns
PACKET_BYTES = 1460
CHUNK_BYTES = 1 << 16


class Line:
    """One direction of a link. Bytes leave one after the other; `free_s` is when the last one will have left."""

    def __init__(self, link: Link, up: bool) -> None:
        self._link = link
        self._up = up
        self.free_s = 0.0

    def reserve(self, now_s: float, size_bytes: int) -> float:
        """Puts bytes behind those that wait; when the last will have left. Times count from the link's start."""
        at_s, left = max(now_s, self.free_s), float(size_bytes)
        while True:
            rate, until_s = self._rate(at_s), self._change_after(at_s)
            if left <= (until_s - at_s) * rate:
                break
            left -= (until_s - at_s) * rate
            at_s = until_s
        self.free_s = at_s + left / rate
        return self.free_s

    def chunk_bytes(self, now_s: float) -> int:
        """How much to take from one connection before the next has its turn."""
        return min(max(int(self._rate(now_s) * SLICE_S), PACKET_BYTES), CHUNK_BYTES)

    def _rate(self, at_s: float) -> float:
        return max(self._link.up_at(at_s) if self._up else self._link.down_bytes_s, 1.0)

    def _change_after(self, at_s: float) -> float:
        """When the rate may change next; the trace repeats after its last time."""
        trace = self._link.trace if self._up else ()
        if not trace or trace[-1][0] <= 0.0:
            return float("inf")
        lap_s = trace[-1][0]
        offset_s = at_s % lap_s
        change_s = at_s - offset_s + min(start_s for start_s, _ in trace if start_s > offset_s)
        return max(change_s, at_s + 1e-6)  # rounding must not hold time still
