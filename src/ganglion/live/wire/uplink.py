"""How fast a link takes bulk, by what the far end says has arrived and what the kernel says is acknowledged.

Bulk takes four fifths of what the link was last seen to carry, so that no queue grows in front of other lanes; one body
in sixteen asks for a quarter more than that, which is how a faster link is noticed. In the manner of BBR (Cardwell et
al. 2016), but per body and end to end, for a relay on the way may acknowledge what it still holds.
"""

from __future__ import annotations

import socket
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from .frame import META_BYTES
from .measure import ENOUGH_BYTES

HEADROOM = 0.8  # of what the link carries, for bulk
PROBE = 1.25  # of the same, for a body that probes
EVERY = 16  # bodies between two that probe
KEPT_UP = 0.95  # of the rate offered: a link that takes so much is not at its limit
TWICE = 2  # bodies in a row that fell short, before that is the link's doing and not chance's
WEIGHT = 0.5  # of the newest sight of a limit
FAST_BYTES_S = 30e6  # a link this fast is not held back
LOOK_S = 0.25  # between two looks at the kernel's counters
SKIPPED = 2  # looks at a fresh body: the first bytes fill buffers, not the link
UNMATCHED = 64  # bodies whose arrival nobody has told
_UNACKED, _ACKED, _NOTSENT = 24, 120, 144  # byte offsets in Linux' struct tcp_info
_INFO_BYTES = 160


@dataclass(eq=False)
class Body:
    """One body on its way."""

    size_bytes: int
    bytes_s: float | None  # the pace it had to share; None: as fast as the socket took it
    together: int  # most bodies that were under way at once while it was
    probes: bool


@dataclass
class Uplink:
    """What one link was seen to carry, in bytes/s; None until something was."""

    bytes_s: float | None = None
    _open: list[Body] = field(default_factory=list)
    _sent: deque[Body] = field(default_factory=lambda: deque(maxlen=UNMATCHED))
    _begun: int = 0
    _eager: bool = False  # the last probe was taken whole
    _short: int = 0  # bodies in a row that fell short
    _looked_s: float = 0.0
    _acked: int = 0
    _busy: bool = False
    _looks: int = 0

    @property
    def pace_bytes_s(self) -> float | None:
        """How fast bulk may go now; None: it is not held back."""
        if self.bytes_s is None or self.bytes_s >= FAST_BYTES_S:
            return None
        return self.bytes_s * (PROBE if any(body.probes for body in self._open) else HEADROOM)

    def begin(self, size_bytes: int) -> Body:
        """A body is about to go."""
        self._begun += 1
        probes = self.bytes_s is not None and size_bytes >= ENOUGH_BYTES
        probes = probes and not self._open and (self._eager or self._begun % EVERY == 0)
        body = Body(size_bytes, None, 0, probes)
        self._open.append(body)
        for one in self._open:
            one.together = max(one.together, len(self._open))
        body.bytes_s = self.pace_bytes_s
        self._looked_s, self._looks = 0.0, 0
        return body

    def end(self, body: Body, whole: bool) -> None:
        """It has gone to the socket, or was broken off."""
        self._open.remove(body)
        if whole and body.size_bytes >= ENOUGH_BYTES:
            self._sent.append(body)

    def arrived(self, size_bytes: int, seconds: float) -> None:
        """The far end took so many bytes of a body within so many seconds."""
        body = next((one for one in self._sent if 0 <= one.size_bytes - size_bytes <= META_BYTES), None)
        if body is None or seconds <= 0.0:
            return
        self._sent.remove(body)
        rate = size_bytes / seconds * body.together
        if body.bytes_s is None:
            self.bytes_s = rate if self.bytes_s is None else self.bytes_s + WEIGHT * (rate - self.bytes_s)
        elif rate < KEPT_UP * body.bytes_s:
            self._short += 1
            if body.probes or self._short >= TWICE:
                self._limited(rate)
            self._eager = False
        else:
            self._short = 0
            if body.probes:
                self.bytes_s = max(self.bytes_s or 0.0, min(rate, body.bytes_s))
                self._eager = True

    def look(self, now_s: float, read: Callable[[], tuple[int, bool]]) -> None:
        """Asks the kernel (bytes acknowledged so far, whether some wait) now and then; it can only lower the rate.

        For a body so long that nobody would tell of its arrival for a while.
        """
        waited_s = now_s - self._looked_s
        if waited_s < LOOK_S:
            return
        acked, busy = read()
        if self._looked_s and busy and self._busy and self._looks >= SKIPPED and acked > self._acked:
            rate, pace = (acked - self._acked) / waited_s, self.pace_bytes_s
            if self.bytes_s is None:
                self.bytes_s = rate
            elif pace is not None and rate < KEPT_UP * pace:
                self._limited(rate)
        self._looked_s, self._acked, self._busy, self._looks = now_s, acked, busy, self._looks + 1

    def _limited(self, rate: float) -> None:
        known = rate if self.bytes_s is None else self.bytes_s
        self.bytes_s = known + WEIGHT * (rate - known)


def acknowledged(sock: socket.socket) -> tuple[int, bool]:
    """Bytes that the other end's kernel has acknowledged, and whether others wait; (0, False) where nobody says."""
    if not hasattr(socket, "TCP_INFO"):
        return 0, False
    with suppress(OSError, ValueError):
        raw = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
        if len(raw) == _INFO_BYTES:
            unacked, notsent = (int.from_bytes(raw[at : at + 4], sys.byteorder) for at in (_UNACKED, _NOTSENT))
            return int.from_bytes(raw[_ACKED : _ACKED + 8], sys.byteorder), unacked + notsent > 0
    return 0, False
