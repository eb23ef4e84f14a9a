"""What goes between a node and its worker process: a size (u32, little-endian) and a codec body."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ..core.codec import Codec
from ..core.errors import ProtocolError

SIZE = struct.Struct("<I")
FRAME_BYTES = 64 << 20  # orders and replies name blobs, they do not hold them


@dataclass(frozen=True)
class Order:
    """Work for the worker."""

    number: int
    work: bytes  # the codec's encoding


@dataclass(frozen=True)
class Taken:
    """The worker has begun: from now on its death is this order's failure."""

    number: int


@dataclass(frozen=True)
class Reply:
    """What came of an order."""

    number: int
    done: bool
    result: bytes = b""  # the codec's encoding
    reason: str = ""
    refused: bool = False


FRAMES = Codec((Order, Taken, Reply))


def framed(body: Order | Taken | Reply) -> bytes:
    """A body as it goes through the pipe."""
    raw = FRAMES.encode(body)
    return SIZE.pack(len(raw)) + raw


def frame_size(head: bytes) -> int:
    """Bytes that follow. Raises ProtocolError for more than a frame may have."""
    size: int = SIZE.unpack(head)[0]
    if size > FRAME_BYTES:
        raise ProtocolError(f"a frame of {size} bytes between node and worker; the limit is {FRAME_BYTES}: use a blob")
    return size
