"""Parcels over HTTP: their head in a header or before the body, their arrays as the body, paced and measured."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import StreamReader
from numpy.typing import NDArray

from ...core.codec import Codec
from ...core.errors import ProtocolError
from ...core.fleet import NodeId
from ...core.ports import Parcel
from ...flow.fetch.messages import Got, Piece, Pull, Push
from .frame import HEADER, Bytes, Header, Kind, draft, finish, header_of
from .pace import Bucket

HEAD = "Ganglion-Parcel"  # an HTTP header: base64 of a frame's header and metadata
BLOBS, PARCELS = "/v1/blobs/", "/v1/parcels"


@dataclass(frozen=True)
class Limits:
    """Of one transfer."""

    most_bytes: int
    stall_s: float  # without a byte


def answers(asked: Any, body: Any) -> bool:
    """Whether a body is what a Pull or a Push waits for."""
    match asked, body:
        case Pull(), Piece():
            return bool(asked.ref.digest == body.ref.digest and asked.start == body.start)
        case ((Pull() | Push()), Got()):
            return bool(asked.ref.digest == body.ref.digest)
    return False


def content_range(body: Pull | Push | Piece, size_bytes: int) -> str:
    """Which bytes of the blob, as HTTP says it."""
    return f"bytes {body.start}-{body.start + size_bytes - 1}/{body.ref.size_bytes}"


def head_to_text(head: bytes) -> str:
    """A frame's header and metadata as an HTTP header."""
    return base64.b64encode(head).decode()


def head_of(headers: Mapping[str, str], most_bytes: int) -> tuple[Header, bytes]:
    """Reads the frame's header and metadata from an HTTP header. Raises ProtocolError."""
    try:
        raw = base64.b64decode(headers.get(HEAD, ""), validate=True)
    except (ValueError, binascii.Error) as error:
        raise ProtocolError(f"the {HEAD} header is malformed: {error}") from error
    header = header_of(raw, most_bytes)
    if header.kind is not Kind.PARCEL or len(raw) != HEADER.size + header.meta_bytes:
        raise ProtocolError(f"the {HEAD} header carries no parcel; is the peer a ganglion?")
    return header, raw[HEADER.size :]


async def fill(
    content: StreamReader, data: NDArray[np.uint8], stall_s: float, filled: Callable[[int], None] = lambda at: None
) -> float:
    """Exactly as many bytes of a body as `data` has; `filled` hears how many have come. Raises ProtocolError.

    The seconds that all of them took: those from the first part on, and for the first as for the rest.
    """
    at, first, size_bytes, loop = 0, 0, len(data), asyncio.get_running_loop()
    began_s = loop.time()
    while at < size_bytes:
        async with asyncio.timeout(stall_s):
            part = await content.readany()
        if not part or at + len(part) > size_bytes:
            raise ProtocolError(f"a body of {size_bytes} bytes was announced; {at + len(part)} came")
        if at == 0:
            began_s, first = loop.time(), len(part)
        data[at : at + len(part)] = np.frombuffer(part, np.uint8)
        at += len(part)
        filled(at)
    return (loop.time() - began_s) * size_bytes / (size_bytes - first) if first < size_bytes else 0.0


async def read_arrays(
    content: StreamReader, head: tuple[Header, bytes], limits: Limits, codec: Codec
) -> tuple[Parcel, float]:
    """The parcel whose head is known and whose arrays are the body, and how long they took. Raises ProtocolError."""
    made, data = draft(*head, codec), np.empty(head[0].data_bytes, np.uint8)
    seconds = await fill(content, data, limits.stall_s)
    await ended(content, len(data), limits.stall_s)
    return finish(made, data, seconds), seconds


async def read_frame(content: StreamReader, limits: Limits, codec: Codec) -> tuple[Parcel, float]:
    """The parcel whose whole frame is the body, and how long it took. Raises ProtocolError."""
    try:
        async with asyncio.timeout(limits.stall_s):
            header = header_of(await content.readexactly(HEADER.size), limits.most_bytes)
            if header.kind is not Kind.PARCEL:
                raise ProtocolError(f"a {header.kind.name} frame came where a parcel was expected")
            meta = await content.readexactly(header.meta_bytes)
    except asyncio.IncompleteReadError as error:
        raise ProtocolError(f"a body ends after {len(error.partial)} bytes of {error.expected}") from error
    return await read_arrays(content, (header, meta), limits, codec)


async def body_of(parts: Sequence[Bytes], pace: Bucket) -> AsyncGenerator[memoryview, None]:
    """A body in slices, each when the pace allows."""
    body, whole = pace.uplink.begin(sum(map(len, parts))), False
    try:
        for part in parts:
            view, start = memoryview(part), 0
            while start < len(view):
                piece = view[start : start + pace.slice_bytes]
                await pace.take(len(piece))
                yield piece
                start += len(piece)
        whole = True
    finally:
        pace.uplink.end(body, whole)


def show(tap: Callable[[NodeId, Bytes], None] | None, peer: NodeId, head: bytes, parts: Sequence[Bytes]) -> None:
    """Lets the tap see what is about to be encrypted, in one piece, so that nothing hides at a seam."""
    if tap is not None:
        tap(peer, b"".join((head, *parts)))


async def ended(content: StreamReader, size_bytes: int, stall_s: float) -> None:
    """Nothing may follow. Raises ProtocolError."""
    async with asyncio.timeout(stall_s):
        if not content.at_eof() and await content.readany():
            raise ProtocolError(f"a body is longer than the {size_bytes} bytes announced")
