"""A link as declared, between real sockets: rate, delay, jitter, a bounded queue, and cuts.

It is a TCP relay: loss shows as nothing, and the handshake is answered at once (its round trip is charged to the first
bytes instead). What it carries, it never reads.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from contextlib import suppress

from numpy.random import Generator

from ...core.fleet import Link
from ...core.rng import stream
from .line import Line

QUEUE_S = 0.1  # most line time that waits in front of a line; then its senders wait
SOCKET_BYTES = 1 << 16  # of the kernel's receive buffers, lest they be a second, larger queue
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
Chunk = tuple[float, bytes]  # due, content; no content: the sender has ended


class Way:
    """One direction, shared by all connections of a link, in the order they ask."""

    def __init__(self, link: Link, up: bool, rng: Generator) -> None:
        self.line = Line(link, up)
        self.carried_bytes = 0
        self._link = link
        self._rng = rng
        self._turn = asyncio.Lock()

    async def enter(self, start_s: float, size_bytes: int) -> float:
        """Waits for room in the queue; when these bytes will arrive at the far end, on the monotonic clock."""
        async with self._turn:
            while (wait_s := self.line.free_s - QUEUE_S - (time.monotonic() - start_s)) > 0.0:
                await asyncio.sleep(wait_s)
            through_s = self.line.reserve(time.monotonic() - start_s, size_bytes)
        jitter_s = float(self._rng.exponential(self._link.jitter_s)) if self._link.jitter_s else 0.0
        return start_s + through_s + self._link.delay_s + jitter_s


class ShapedLink:
    """Listens, and relays every connection to `target` over the link; "up" is from who connects to the target."""

    def __init__(self, target: tuple[str, int], link: Link, seed: int = 0) -> None:
        self.target = target
        self.link = link
        self.up = Way(link, True, stream(seed, "link", link.name, "up"))
        self.down = Way(link, False, stream(seed, "link", link.name, "down"))
        self._passing = asyncio.Event()
        self._passing.set()
        self._resetting = False
        self._start_s = 0.0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Begins to listen, and the trace to run; the port. Raises OSError when the port is taken."""
        self._start_s = time.monotonic()
        listener = socket.create_server((host, port))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # what it accepts inherits this
        listener.setblocking(False)
        self._server = await asyncio.start_server(self._accepted, sock=listener, limit=SOCKET_BYTES)
        return int(listener.getsockname()[1])

    def cut(self, reset: bool = False) -> None:
        """Stops carrying. With `reset` connections break, new ones at once; without, silence, as on a dead radio.

        Silence keeps what is under way, and goes on with it when mended, as TCP does.
        """
        self._passing.clear()
        self._resetting = reset
        if reset:
            self._break()

    def mend(self) -> None:
        """Carries again."""
        self._resetting = False
        self._passing.set()

    async def close(self) -> None:
        """Breaks all connections and stops listening."""
        if self._server is not None:
            self._server.close()
        broken = self._break()
        await asyncio.gather(*broken, return_exceptions=True)

    def _break(self) -> list[asyncio.Task[None]]:
        for connection in self._connections:
            connection.cancel()
        return list(self._connections)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._resetting:
            _reset(writer)
            return
        connection = asyncio.get_running_loop().create_task(self._connect(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _connect(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        """One connection from beginning to end."""
        first_s = time.monotonic() + 2 * self.link.delay_s  # who connects hears of it after a round trip
        writers = [near_writer]
        try:
            await asyncio.sleep(self.link.delay_s)
            await self._passing.wait()
            far, far_writer = await _dial(self.target)
            writers.append(far_writer)
            await self._relay((near, near_writer), (far, far_writer), first_s + self.link.delay_s)
            for writer in writers:
                writer.close()
            writers.clear()
        except* OSError:
            pass  # one end broke: so does the other
        finally:
            for writer in writers:
                _reset(writer)

    async def _relay(
        self,
        near: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        far: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        first_s: float,
    ) -> None:
        """Both ways, until both ends have ended or one breaks."""
        async with asyncio.TaskGroup() as group:
            for way, reader, writer, floor_s in (
                (self.up, near[0], far[1], first_s),
                (self.down, far[0], near[1], 0.0),
            ):
                chunks: asyncio.Queue[Chunk] = asyncio.Queue()
                taken = asyncio.Event()
                taken.set()
                group.create_task(self._take(way, reader, (chunks, taken), floor_s))
                group.create_task(self._deliver(way, writer, (chunks, taken)))

    async def _take(
        self, way: Way, reader: asyncio.StreamReader, flow: tuple[asyncio.Queue[Chunk], asyncio.Event], due_s: float
    ) -> None:
        """Reads as fast as the line lets it, and no faster than the far end takes."""
        chunks, taken = flow
        while True:
            await taken.wait()
            data = await reader.read(way.line.chunk_bytes(time.monotonic() - self._start_s))
            await self._passing.wait()
            due_s = max(due_s, await way.enter(self._start_s, len(data)))  # order is kept, whatever the jitter
            chunks.put_nowait((due_s, data))
            if not data:
                return

    async def _deliver(
        self, way: Way, writer: asyncio.StreamWriter, flow: tuple[asyncio.Queue[Chunk], asyncio.Event]
    ) -> None:
        """Writes what is due; while the far end does not take it, nothing more is read."""
        chunks, taken = flow
        while True:
            due_s, data = await chunks.get()
            if (wait_s := due_s - time.monotonic()) > 0.0:
                await asyncio.sleep(wait_s)
            await self._passing.wait()
            if not data:
                with suppress(OSError):  # it has gone already
                    writer.write_eof()
                return
            way.carried_bytes += len(data)
            writer.write(data)
            taken.clear()
            await writer.drain()
            taken.set()


async def _dial(target: tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    dialled = socket.socket(socket.AF_INET6 if ":" in target[0] else socket.AF_INET)
    dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BYTES)
    dialled.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or a chunk waits 40 ms for the last one's ACK
    dialled.setblocking(False)
    try:
        await loop.sock_connect(dialled, target)
    except BaseException:
        dialled.close()
        raise
    return await asyncio.open_connection(sock=dialled, limit=SOCKET_BYTES)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Breaks a connection so that its other end notices at once."""
    own: socket.socket | None = writer.get_extra_info("socket")
    if own is not None:
        with suppress(OSError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
