"""Levels with a scale for each so many of them: what quantised numbers are on their way."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ProtocolError
from ...core.tensors import Array
from .bits import Bytes, pack, unpack

HEAD = struct.Struct("<I")  # numbers in a bucket


def rows_of(numbers: Array, bucket: int) -> Array:
    """[buckets, at most `bucket`]; the last one is filled up with zeros."""
    width = max(1, min(bucket, len(numbers)))
    return np.pad(numbers, (0, -len(numbers) % width)).reshape(-1, width)


def write_buckets(scales: Array, levels: NDArray[np.uint8], bits: int, count: int) -> bytes:
    """Scales, and `count` of the levels."""
    head = HEAD.pack(levels.shape[1])
    return head + scales.astype("<f4").tobytes() + pack(levels.reshape(-1)[:count], bits)


def read_buckets(raw: Bytes, bits: int, count: int) -> tuple[Array, NDArray[np.uint8]]:
    """A scale for each number, and its level. Raises ProtocolError for another length or scales that are none."""
    (width,) = HEAD.unpack_from(raw) if len(raw) >= HEAD.size else (0,)
    if not 1 <= width <= max(1, count):
        raise ProtocolError(f"{count} numbers came in buckets of {width}; send the update anew")
    first = HEAD.size + 4 * -(-count // width)
    if len(raw) < first:
        raise ProtocolError(f"{len(raw)} bytes end before the scales of {count} numbers; send the update anew")
    scales = np.frombuffer(raw[HEAD.size : first], "<f4")
    if not np.isfinite(scales).all() or (scales < 0.0).any():
        raise ProtocolError("it holds a scale that is not finite; the client's training diverged, lower its rate")
    return np.repeat(scales, width)[:count].astype(np.float32), unpack(raw[first:], bits, count)
