"""Whether a shaped link does what it declares: bytes are sent through one, and timed."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

from ...core.fleet import Link
from .link import ShapedLink

PINGS = 11


@dataclass(frozen=True)
class Measured:
    """What a link achieved."""

    up_bytes_s: float
    down_bytes_s: float
    delay_s: float  # half the median round trip of one byte, so jitter is in it


async def measure(link: Link, seed: int = 0, for_s: float = 1.0) -> Measured:
    """Sends about so many seconds' worth of bytes each way over a link of its own, on this machine."""
    down_bytes = int(link.down_bytes_s * for_s)
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(1)
        if asked == b"p":
            while byte := await reader.read(1):
                writer.write(byte)
        elif asked == b"u":
            arrived.put_nowait(await _rate(reader))
        else:
            writer.write(bytes(down_bytes))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    shaped = ShapedLink(server.sockets[0].getsockname()[:2], link, seed)
    port = await shaped.start()
    try:
        delay_s = await _ping(port)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"u" + bytes(int(link.up_at(0.0) * for_s)))
        writer.write_eof()
        up_bytes_s = await arrived.get()
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"d")
        down_bytes_s = await _rate(reader)
        writer.close()
    finally:
        await shaped.close()
        server.close()
    return Measured(up_bytes_s, down_bytes_s, delay_s)


async def _ping(port: int) -> float:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"p")
    took_s = []
    for _ in range(PINGS + 1):
        began_s = time.perf_counter()
        writer.write(b".")
        await reader.readexactly(1)
        took_s.append(time.perf_counter() - began_s)
    writer.close()
    return statistics.median(took_s[1:]) / 2  # the first one waits for the connection


async def _rate(reader: asyncio.StreamReader) -> float:
    """Bytes per second between the first bytes and the last."""
    first = await reader.read(1 << 16)
    began_s, size_bytes = time.perf_counter(), 0
    ended_s = began_s
    while first and (data := await reader.read(1 << 16)):
        size_bytes += len(data)
        ended_s = time.perf_counter()
    return size_bytes / max(ended_s - began_s, 1e-9)
