"""Frames: a fixed header, checked metadata, and arrays as raw little-endian bytes. Every size is checked before use."""

from __future__ import annotations

import math
import struct
from enum import IntEnum
from typing import Annotated, Any

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
_FIELDS = struct.Struct("<8sQIIQ")  # the same with all that is looked up in one go as one field
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
    shape: tuple[Annotated[int, msgspec.Meta(ge=0)], ...]


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
_BEGINNINGS = {MAGIC + bytes((VERSION, kind, 0, lane)): (kind, lane) for kind in Kind for lane in Lane}
_SIGNAL_LIMITS = (16, 0, 0)
_meta_out = msgspec.msgpack.Encoder()
_meta_in = msgspec.msgpack.Decoder(Meta)
_seconds_in = msgspec.msgpack.Decoder(float)


def header_of(raw: Bytes, most_data_bytes: int) -> Header:
    """Reads the fixed part. Raises ProtocolError for other bytes, another version or sizes over the limit."""
    if len(raw) < HEADER.size:
        raise ProtocolError(f"a frame of {len(raw)} bytes is shorter than its header of {HEADER.size}")
    beginning, id, meta, arrays, data = _FIELDS.unpack_from(raw)
    known = _BEGINNINGS.get(beginning)
    if known is None:
        raise ProtocolError(_why_unknown(raw))
    kind, lane = known
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


def encode(parcel: Parcel, id: int, codec: Codec) -> tuple[bytes, list[memoryview], int]:
    """A parcel as header with metadata, its arrays as views with padding between them, and the size of those in bytes.

    Raises ProtocolError for an array that may not travel.
    """
    parts: list[memoryview] = []
    described: list[tuple[Ref, str, tuple[int, ...]]] = []
    data_bytes = 0
    for ref, array in parcel.attached:
        plain, name = _plain(array)
        described.append((ref, name, array.shape))
        if gap := -data_bytes % ALIGN:
            parts.append(memoryview(bytes(gap)))
        parts.append(plain)
        data_bytes += gap + len(plain)
    body = codec.encode(parcel.body)
    meta = _meta_out.encode(
        (parcel.flow, parcel.key, body, parcel.left_s, parcel.incarnation, parcel.seq, parcel.name, described)
    )
    if len(meta) > META_BYTES or len(described) > ARRAYS:
        raise ProtocolError(
            f"a {type(parcel.body).__name__} with {len(meta)} bytes and {len(described)} arrays is over the limits of "
            f"{META_BYTES} bytes and {ARRAYS} arrays; send large fields attached, or in several messages"
        )
    fixed = HEADER.pack(MAGIC, VERSION, Kind.PARCEL, 0, parcel.lane, id, len(meta), len(described), data_bytes)
    return fixed + meta, parts, data_bytes


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A parcel whose arrays are still to come; where each lies in their bytes is known and checked."""

    lane: Lane
    meta: Meta
    body: Any
    places: list[tuple[Attached, np.dtype[Any], int]]  # type, first byte


def draft(header: Header, meta: Bytes, codec: Codec) -> Draft:
    """All of a parcel but its arrays. Raises ProtocolError for what is none or is not laid out as announced."""
    try:
        told = _meta_in.decode(meta)
        body = codec.hear(told.body)
    except ProtocolError:
        raise
    except (msgspec.MsgspecError, GanglionError, ValueError, RecursionError) as error:
        raise ProtocolError(f"the {len(meta)} bytes of metadata of a frame are malformed: {error}") from error
    if told.left_s is not None and not math.isfinite(told.left_s):
        raise ProtocolError(f"a parcel with {told.left_s} s left is malformed")
    if len(told.attached) != header.arrays:
        raise ProtocolError(f"a frame announces {header.arrays} arrays but describes {len(told.attached)}")
    places, end = [], 0
    for one in told.attached:
        dtype = DTYPES.get(one.dtype)
        if dtype is None or len(one.shape) > DIMENSIONS:
            raise ProtocolError(f"an array of {one.dtype} {one.shape} may not travel; allowed are {sorted(DTYPES)}")
        start = end + -end % ALIGN
        end = start + math.prod(one.shape) * dtype.itemsize
        places.append((one, dtype, start))
    if end != header.data_bytes:
        raise ProtocolError(f"a frame announces {header.data_bytes} bytes of arrays but describes {end}")
    return Draft(header.lane, told, body, places)


def finish(made: Draft, data: Bytes | NDArray[np.uint8], spent_s: float) -> Parcel:
    """The parcel with its arrays, which are views of `data`; `spent_s` is taken from the seconds it has left.

    Raises ProtocolError for shapes that no array can have.
    """
    attached = []
    try:
        for one, dtype, start in made.places:
            array: NDArray[Any] = np.ndarray(one.shape, dtype, data, start)
            attached.append((one.ref, array))
    except (ValueError, OverflowError) as error:
        raise ProtocolError(f"an array {one.shape} of {one.dtype} cannot be: {error}") from error
    told, left_s = made.meta, made.meta.left_s
    if left_s is not None:
        left_s -= spent_s
    return Parcel(
        told.flow, told.key, made.body, made.lane, left_s, told.incarnation, told.seq, told.name, tuple(attached)
    )


def _plain(array: NDArray[Any]) -> tuple[memoryview, str]:
    """An array's bytes in order and little-endian, uncopied where they lie so already; and its type's name."""
    name = _NAMES.get(array.dtype) or _NAMES.get(array.dtype.newbyteorder("<"))
    if name is None:
        raise ProtocolError(f"an array of {array.dtype} may not travel; convert it to one of {sorted(DTYPES)}")
    plain = np.ascontiguousarray(array, dtype=DTYPES[name])
    return (plain.data.cast("B") if plain.size else memoryview(b"")), name
