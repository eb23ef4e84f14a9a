"""Small whole numbers in as many bits as they need, and rising positions by Rice's code of the gaps between them."""

from __future__ import annotations

import math
import struct

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ProtocolError

HEAD = struct.Struct("<BI")  # bits of a gap that are written as they are; how many positions
MOST_LOW = 31
Bytes = bytes | memoryview


def pack(levels: NDArray[np.uint8], bits: int) -> bytes:
    """Numbers below 2 ** bits, the first in the lowest bits."""
    if bits == 8:
        return levels.tobytes()
    spread = (levels[:, None] >> np.arange(bits, dtype=np.uint8)) & np.uint8(1)
    return np.packbits(spread, bitorder="little").tobytes()


def unpack(raw: Bytes, bits: int, count: int) -> NDArray[np.uint8]:
    """Reads what `pack` wrote. Raises ProtocolError for another length."""
    wanted = -(-count * bits // 8)
    if len(raw) != wanted:
        raise ProtocolError(f"{count} numbers of {bits} bits take {wanted} bytes, not {len(raw)}; send the update anew")
    given = np.frombuffer(raw, np.uint8)
    if bits == 8:
        return given
    spread = np.unpackbits(given, count=count * bits, bitorder="little").reshape(count, bits)
    return np.packbits(spread, axis=1, bitorder="little")[:, 0] if count else given


def write_rising(positions: NDArray[np.int64]) -> bytes:
    """Positions, each above the one before. Source: Golomb 1966; Rice 1979, whose divisor is a power of two.

    A gap is the number of places left out before a position: its low bits as they are, the rest in unary.
    """
    gaps = np.diff(positions, prepend=-1) - 1
    mean = float(gaps.mean()) if len(gaps) else 0.0
    low = max(0, int(math.log2(max(1.0, mean * math.log(2.0)))))
    plain = ((gaps[:, None] >> np.arange(low)) & 1).astype(np.uint8)
    ends = np.cumsum((gaps >> low) + 1) - 1
    marks = np.zeros(int(ends[-1]) + 1 if len(ends) else 0, np.uint8)
    marks[ends] = 1
    parts = (np.packbits(part, bitorder="little").tobytes() for part in (plain, marks))
    return HEAD.pack(low, len(gaps)) + b"".join(parts)


def read_rising(raw: Bytes, size: int) -> NDArray[np.int64]:
    """Positions below `size`; no bytes can say one twice. Raises ProtocolError for what `write_rising` never writes."""
    if len(raw) < HEAD.size:
        raise ProtocolError(f"{len(raw)} bytes are too few for positions; send the update anew")
    low, count = HEAD.unpack_from(raw)
    first = HEAD.size + -(-count * low // 8)
    if low > MOST_LOW or count > size or len(raw) < first:
        raise ProtocolError(f"{count} positions of {low} low bits in {len(raw)} bytes do not fit {size} weights")
    spread = np.unpackbits(np.frombuffer(raw[HEAD.size : first], np.uint8), count=count * low, bitorder="little")
    plain = spread.reshape(count, low).astype(np.int64) @ (1 << np.arange(low, dtype=np.int64))
    ends = np.flatnonzero(np.unpackbits(np.frombuffer(raw[first:], np.uint8), bitorder="little"))
    if len(ends) != count or len(raw) - first != (-(-(int(ends[-1]) + 1) // 8) if count else 0):
        raise ProtocolError(f"{count} positions were announced and {len(ends)} came; send the update anew")
    gaps = plain + (np.diff(ends, prepend=-1) - 1 << low)
    if count and (gaps.max() >= size or gaps.sum() + count > size):
        raise ProtocolError(f"a position is not below {size}, the number of weights; send the update anew")
    positions: NDArray[np.int64] = np.cumsum(gaps + 1) - 1
    return positions
