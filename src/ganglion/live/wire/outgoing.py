"""Parcels on their way to one neighbour on a hot lane: sent at once under the credit the peer gave, else kept."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence

from ...core.codec import Codec
from ...core.errors import ProtocolError
from ...core.ports import Parcel, Tell
from ...core.process import Lane
from .frame import encode
from .limits import Settings
from .waiting import Counts, Queue

Write = Callable[[bytes, Sequence[memoryview], int], None]  # header with metadata, the arrays, their bytes


class Outgoing:
    """The sending side of a lane. It outlives its connections; what waits when one breaks is lost, and told."""

    def __init__(self, lane: Lane, codec: Codec, loop: AbstractEventLoop, settings: Settings, counts: Counts) -> None:
        self.paused = False  # the socket is full
        self._lane = lane
        self._codec = codec
        self._counts = counts
        self._queue = Queue(lane, loop, settings.queue_bytes, counts, self.flush)
        self._most_bytes = settings.data_bytes(lane)
        self._write: Write | None = None  # None: not connected
        self._limit = 0  # bytes that the peer lets us send on this connection in all
        self._half = 0  # of the credit that the connection began with: the largest parcel
        self._used = 0
        self._next_id = 0

    @property
    def waiting(self) -> int:
        """How many parcels wait."""
        return len(self._queue)

    def connected(self, write: Write, window: int) -> None:
        """A connection is ready; what waited goes out."""
        self._write, self._limit, self._half, self._used, self.paused = write, window, window // 2, 0, False
        self.flush()

    def broken(self, why: str) -> None:
        """The connection is gone, and with it all that waited."""
        self._write, self._limit, self._half, self._used = None, 0, 0, 0
        self._queue.clear(why)

    def granted(self, limit: int) -> None:
        """The peer has taken in what was sent, and lets us send on."""
        self._limit = max(self._limit, limit)
        self.flush()

    def send(self, parcel: Parcel, tell: Tell) -> None:
        """Sends or keeps a parcel. Raises ProtocolError for one that can never travel."""
        head, parts, data_bytes = encode(parcel, self._next_id, self._codec)
        size, write = len(head) + data_bytes, self._write
        if data_bytes > self._most_bytes:
            raise ProtocolError(self._too_large(data_bytes, self._most_bytes))
        if write is None or self._queue or self.paused or self._used + size > self._limit:
            if write is not None and size > self._half:
                raise ProtocolError(self._too_large(size, self._half))
            self._queue.add(parcel, tell, size)
            return
        self._next_id += 1
        self._used += size
        self._counts.sent += 1
        write(head, parts, data_bytes)

    def cancel(self, name: str) -> None:
        """Forgets parcels of that name that have not gone."""
        self._queue.cancel(name)

    def flush(self) -> None:
        """Sends what may go now, in order."""
        while self._queue and self._write is not None and not self.paused:
            size = self._queue.first().size_bytes
            if size > self._half:  # it was kept before this connection told its credit
                self._counts.lost += 1
                self._queue.pop().fail(self._too_large(size, self._half))
            elif self._used + size <= self._limit:
                self._next_id += 1
                self._used += size
                self._counts.sent += 1
                self._write(*encode(self._queue.pop().parcel, self._next_id, self._codec))
            else:
                return

    def _too_large(self, size: int, most: int) -> str:
        lane = self._lane.name
        return f"a parcel of {size} bytes is over the limit of {most} on the {lane} lane; send it on the BULK lane"
