"""Everything told on a node since its process began: the latest are kept, and whoever watches is sent each one."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from ..core.codec import Codec
from ..core.errors import ProtocolError
from .admin_messages import Observed, framed
from .logs import log_fact

KEPT = 8192  # for a watcher that comes late
BEHIND_BYTES = 32 << 20  # a watcher that is so far behind is sent away
log = logging.getLogger("ganglion.facts")


class Facts:
    """The observer of a node's `drive`."""

    def __init__(self, codec: Codec, now_s: Callable[[], float]) -> None:
        self.told = 0
        self.heard: list[Callable[[Any], None]] = []  # in this process
        self._codec = codec
        self._now_s = now_s
        self._latest: deque[tuple[int, bytes]] = deque(maxlen=KEPT)  # number, frame
        self._watchers: set[asyncio.StreamWriter] = set()

    def observe(self, body: Any) -> None:
        """Keeps a fact and sends it on."""
        log_fact(body)
        self.told += 1
        try:
            observed = Observed(self.told, self._now_s(), self._codec.encode(body))
            frame = framed(self._codec.encode(observed))
        except ProtocolError as error:
            log.error("a fact cannot be shown: %s", error)
            return
        self._latest.append((self.told, frame))
        for writer in list(self._watchers):
            self._send(writer, frame)
        for hear in list(self.heard):
            hear(body)

    def watch(self, writer: asyncio.StreamWriter, after: int) -> None:
        """Sends facts with a greater number than `after`, those that are kept at once; -1: only new ones."""
        self._watchers.add(writer)
        for number, frame in self._latest:
            if 0 <= after < number:
                self._send(writer, frame)

    def unwatch(self, writer: asyncio.StreamWriter) -> None:
        """Sends this one nothing more."""
        self._watchers.discard(writer)

    def _send(self, writer: asyncio.StreamWriter, frame: bytes) -> None:
        if writer.transport.get_write_buffer_size() > BEHIND_BYTES:
            log.warning("a watcher was more than %d bytes behind and was sent away", BEHIND_BYTES)
            self.unwatch(writer)
            writer.transport.abort()
        elif not writer.is_closing():
            writer.write(frame)
