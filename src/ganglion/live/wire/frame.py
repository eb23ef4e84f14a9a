"""Frames: a fixed header, checked metadata, and arrays as raw little-endian bytes. Every size is checked before use."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ...core.codec import Codec
from ...core.errors import GanglionError, ProtocolError
from ...core.ports import Parcel
from ...core.process import Lane
from ...core.ref import Ref

MAGIC = b"GNGL"
VERSION = 1  # raised when a field changes its meaning; another version is refused, never guessed at
HEADER = struct.Struct("<4sBBBBQIIQ")  # magic, version, type, flags, lane, id, metadata, arrays, their bytes
_SIZES = struct.Struct("<QIIQ")  # the header after its first eight bytes
META_BYTES = 1024 * 1024
ARRAYS = 64
DIMENSIONS = 16
ALIGN = 8  # every array starts at a multiple of it, so that it can be used where it lies
DTYPES = {
    np.dtype(kind).newbyteorder("<").str: np.dtype(kind).newbyteorder("<")
    for kind in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
}
Bytes = bytes | bytearray | memoryview


class Kind(IntEnum):
    """Types of frame."""

    HELLO = 1  # first on a connection; id: the credit granted to the peer
    PARCEL = 2  # id: its number
    CREDIT = 3  # id: bytes that may have been sent on this connection in all
    OPEN = 4  # please dial the lane named in the header, or fetch what waits on the bulk lane
    RECEIPT = 5  # id: bytes that arrived in so many seconds


class Attached(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One array of a parcel; its bytes follow the metadata, in order."""

    ref: Ref
    dtype: str
    shape: tuple[int, ...]


class Meta(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A parcel without its arrays; `body` is in the codec's bytes."""

    flow: str
    key: str
    body: bytes
    left_s: float | None
    incarnation: str
    seq: int
    name: str
    attached: tuple[Attached, ...]


class Header(msgspec.Struct, frozen=True, gc=False):
    """The fixed part; sizes in bytes."""

    kind: Kind
    lane: Lane
    id: int
    meta_bytes: int = 0
    arrays: int = 0
    data_bytes: int = 0

    @property
    def frame_bytes(self) -> int:
        """The whole frame."""
        return HEADER.size + self.meta_bytes + self.data_bytes


_NAMES = {dtype: name for name, dtype in DTYPES.items()}
# What the first eight bytes of a frame may be: one look tells magic, version, type, flags and lane.
_BEGINNINGS = {
    MAGIC + bytes((VERSION, kind, 0, lane)): (kind, lane) for kind in Kind for lane in Lane
}
_SIGNAL_LIMITS = (16, 0, 0)
_meta_out = msgspec.msgpack.Encoder()
_meta_in = msgspec.msgpack.Decoder(Meta)
_seconds_in = msgspec.msgpack.Decoder(float)


def header_of(raw: Bytes, most_data_bytes: int) -> Header:
    """Reads the fixed part. Raises ProtocolError for other bytes, another version or sizes over the limit."""
    if len(raw) < HEADER.size:
        raise ProtocolError(f"a frame of {len(raw)} bytes is shorter than its header of {HEADER.size}")
    known = _BEGINNINGS.get(bytes(raw[:8]))
    if known is None:
        raise ProtocolError(_why_unknown(raw))
    kind, lane = known
    id, meta, arrays, data = _SIZES.unpack_from(raw, 8)
    most = (META_BYTES, ARRAYS, most_data_bytes) if kind is Kind.PARCEL else _SIGNAL_LIMITS
    if meta > most[0] or arrays > most[1] or data > most[2]:
        what = f"{meta} bytes of metadata and {arrays} arrays of {data} bytes"
        raise ProtocolError(f"a {kind.name} frame with {what} is over its limits {most}; split what it carries")
    return Header(kind, lane, id, meta, arrays, data)


def _why_unknown(raw: Bytes) -> str:
    magic, version, kind, flags, lane, *_ = HEADER.unpack_from(raw)
    if magic != MAGIC:
        return f"a frame begins with {magic!r} instead of {MAGIC!r}; is the peer a ganglion?"
    if version != VERSION:
        return f"wire version {version} is unknown here, this ganglion speaks {VERSION}; upgrade the older"
    return f"a frame of type {kind}, lane {lane} and flags {flags} means nothing in version {VERSION}"


def signal(kind: Kind, lane: Lane, id: int, seconds: float | None = None) -> bytes:
    """A frame that is no parcel."""
    meta = b"" if seconds is None else _meta_out.encode(seconds)
    return HEADER.pack(MAGIC, VERSION, kind, 0, lane, id, len(meta), 0, 0) + meta


def seconds_of(meta: Bytes) -> float:
    """The metadata of a RECEIPT. Raises ProtocolError."""
    try:
        seconds = _seconds_in.decode(meta)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"a receipt is malformed: {error}") from error
    if not 0.0 < seconds < math.inf:
        raise ProtocolError(f"a receipt over {seconds} s is malformed")
    return seconds


def encode(parcel: Parcel, id: int, codec: Codec) -> tuple[bytes, list[memoryview]]:
    """A parcel as header with metadata, and its arrays as views with padding between them; nothing large is copied.

    Raises ProtocolError for an array that may not travel.
    """
    parts: list[memoryview] = []
    described: list[Attached] = []
    data_bytes = 0
    for ref, array in parcel.attached:
        plain, name = _plain(array)
        described.append(Attached(ref, name, array.shape))
        if gap := -data_bytes % ALIGN:
            parts.append(memoryview(bytes(gap)))
        parts.append(plain)
        data_bytes += gap + len(plain)
    body = codec.encode(parcel.body)
    told = (parcel.left_s, parcel.incarnation, parcel.seq, parcel.name)
    meta = _meta_out.encode(Meta(parcel.flow, parcel.key, body, *told, tuple(described)))
    if len(meta) > META_BYTES or len(described) > ARRAYS:
        raise ProtocolError(
            f"a {type(parcel.body).__name__} with {len(meta)} bytes and {len(described)} arrays is over the limits of "
            f"{META_BYTES} bytes and {ARRAYS} arrays; send large fields attached, or in several messages"
        )
    fixed = HEADER.pack(MAGIC, VERSION, Kind.PARCEL, 0, parcel.lane, id, len(meta), len(described), data_bytes)
    return fixed + meta, parts


def decode(
    header: Header, meta: Bytes, data: Bytes | NDArray[np.uint8], codec: Codec, spent_s: float = 0.0
) -> Parcel:
    """The parcel in a frame; its arrays are views of `data`. `spent_s` is taken from the seconds it has left.

    Raises ProtocolError for anything else.
    """
    try:
        told = _meta_in.decode(meta)
        body = codec.decode(told.body)
    except ProtocolError:
        raise
    except (msgspec.MsgspecError, GanglionError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the {len(meta)} bytes of metadata of a frame are malformed: {error}") from error
    left_s = told.left_s
    if left_s is not None:
        if not math.isfinite(left_s):
            raise ProtocolError(f"a parcel with {left_s} s left is malformed")
        left_s -= spent_s
    if len(told.attached) != header.arrays:
        raise ProtocolError(f"a frame announces {header.arrays} arrays but describes {len(told.attached)}")
    attached = _arrays(told.attached, data)
    return Parcel(told.flow, told.key, body, header.lane, left_s, told.incarnation, told.seq, told.name, attached)


def _plain(array: NDArray[Any]) -> tuple[memoryview, str]:
    """An array's bytes in order and little-endian, uncopied where they lie so already; and its type's name."""
    name = _NAMES.get(array.dtype) or _NAMES.get(array.dtype.newbyteorder("<"))
    if name is None:
        raise ProtocolError(f"an array of {array.dtype} may not travel; convert it to one of {sorted(DTYPES)}")
    plain = np.ascontiguousarray(array, dtype=DTYPES[name])
    return (plain.data.cast("B") if plain.size else memoryview(b"")), name


def _arrays(described: Sequence[Attached], data: Bytes | NDArray[np.uint8]) -> tuple[tuple[Ref, NDArray[Any]], ...]:
    found = []
    at, whole = 0, len(data)
    for one in described:
        dtype = DTYPES.get(one.dtype)
        if dtype is None or len(one.shape) > DIMENSIONS or min(one.shape, default=0) < 0:
            raise ProtocolError(f"an array of {one.dtype} {one.shape} may not travel; allowed are {sorted(DTYPES)}")
        count = math.prod(one.shape)
        start = at + -at % ALIGN
        at = start + count * dtype.itemsize
        if at > whole:
            raise ProtocolError(f"an array {one.shape} of {one.dtype} ends at byte {at} of {whole}")
        try:
            flat = np.frombuffer(data, dtype, count, start) if count else np.empty(0, dtype)
            found.append((one.ref, flat.reshape(one.shape)))
        except ValueError as error:
            raise ProtocolError(f"an array {one.shape} of {one.dtype} cannot be: {error}") from error
    if at != whole:
        raise ProtocolError(f"a frame carries {whole} bytes of arrays but describes {at}")
    return tuple(found)
