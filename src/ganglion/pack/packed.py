"""What every packed tensor begins with: its codec, type and shape, checked before any memory is taken for it."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, ProtocolError

MAGIC = b"GPK1"  # the last letter is raised when a field changes its meaning
FIXED = struct.Struct("<4sBBBB")  # magic, codec, bits, type, axes; then one uint32 per axis
RAW, AFFINE, DEFLATE = range(3)
TYPES = tuple(np.dtype(kind) for kind in ("|b1", "<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4"))
AXES = 8
MOST_BYTES = 1 << 28  # a tensor, where the reader names no limit of its own
Bytes = bytes | bytearray | memoryview


class Codec(Protocol):
    """A way to write one tensor as bytes; `unpack` reads what any of them wrote."""

    @property
    def name(self) -> str: ...
    def encode(self, array: NDArray[Any]) -> bytes: ...


@dataclass(frozen=True)
class Head:
    """The description in front of a packed tensor."""

    codec: int
    bits: int  # per number
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers the tensor holds."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Of the tensor in memory."""
        return self.count * self.dtype.itemsize

    def write(self) -> bytes:
        """As bytes."""
        fixed = FIXED.pack(MAGIC, self.codec, self.bits, TYPES.index(self.dtype), len(self.shape))
        return fixed + struct.pack(f"<{len(self.shape)}I", *self.shape)


def describe(array: NDArray[Any], codec: int, bits: int) -> Head:
    """The head for an array. Raises ConfigError for one that cannot be packed."""
    dtype = array.dtype.newbyteorder("<")
    if dtype not in TYPES or array.ndim > AXES:
        known = ", ".join(kind.name for kind in TYPES)
        raise ConfigError(f"an array of {array.dtype} with {array.ndim} axes cannot be packed; convert it to {known}")
    return Head(codec, bits, dtype, array.shape)


def head_of(blob: Bytes, most_bytes: int) -> tuple[Head, memoryview]:
    """The head and what follows it. Raises ProtocolError for other bytes and for a tensor over `most_bytes`."""
    view = memoryview(blob)
    if len(view) < FIXED.size or bytes(view[:4]) != MAGIC:
        raise ProtocolError(
            f"{len(view)} bytes are no packed tensor: they must begin with {MAGIC!r}; upgrade the older"
        )
    _, codec, bits, kind, axes = FIXED.unpack_from(view)
    end = FIXED.size + 4 * axes
    if codec not in (RAW, AFFINE, DEFLATE) or kind >= len(TYPES) or axes > AXES or len(view) < end:
        raise ProtocolError(f"a packed tensor of codec {codec}, type {kind} and {axes} axes is malformed")
    head = Head(codec, bits, TYPES[kind], struct.unpack_from(f"<{axes}I", view, FIXED.size))
    size_bytes = math.prod(max(one, 1) for one in head.shape) * head.dtype.itemsize  # an axis of none hides no others
    if size_bytes > most_bytes:
        raise ProtocolError(f"a packed tensor {head.shape} of {size_bytes} bytes is over the limit of {most_bytes}")
    return head, view[end:]
