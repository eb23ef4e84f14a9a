"""An update in fewer bytes: what is sent of it, how the numbers are written, what the client remembers of the rest.

The bytes say by themselves how they are read, and whatever else they hold is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.random import Generator

from ...core.errors import GanglionError, ProtocolError
from ...core.tensors import Array, Tensors
from .bits import Bytes
from .dgc import Dgc
from .even import Even, read_even
from .feedback import Feedback
from .low_rank import LowRank, count_factors, put_factors
from .plain import Plain, read_plain
from .qsgd import Qsgd, read_qsgd
from .top_k import TopK, count_sparse, put_sparse
from .whole import Whole, count_whole, put_whole

HEAD = struct.Struct("<4sBBBB")  # magic, part, numbers, their bits, whether deflated; then positions' size and they
MAGIC = b"GUP1"  # its last letter is raised when a field changes its meaning
SIZE = struct.Struct("<I")
LEVEL = 6
SPARE_BYTES = 1 << 16
PARTS: dict[int, tuple[Callable[[Bytes, Tensors], int], Callable[[Bytes, Array, Tensors], Tensors]]] = {
    Whole.code: (count_whole, put_whole),
    TopK.code: (count_sparse, put_sparse),
    LowRank.code: (count_factors, put_factors),
}
Read = Callable[[Bytes, int, int], Array]
NUMBERS: dict[int, Read] = {Plain.code: read_plain, Qsgd.code: read_qsgd, Even.code: read_even}
Kept = Mapping[str, Tensors]


class Memory(Protocol):
    """What a client makes of what it could not send."""

    @property
    def keeps(self) -> tuple[str, ...]: ...
    def before(self, delta: Tensors, kept: Kept) -> tuple[Tensors, Kept]: ...
    def after(self, wanted: Tensors, sent: Tensors, meant: Kept) -> Kept: ...


@dataclass(frozen=True)
class Compress:
    """One choice for each of three questions; DEFLATE (RFC 1951) behind them where it pays.

    >>> Compress(TopK(0.001), memory=Dgc()).keeps
    ('residual', 'velocity')
    """

    part: Whole | TopK | LowRank = Whole()
    numbers: Plain | Qsgd | Even = Plain()
    memory: Feedback | Dgc | None = None
    deflate: bool = True

    @property
    def keeps(self) -> tuple[str, ...]:
        """What a client remembers from round to round; it never leaves it."""
        return () if self.memory is None else self.memory.keeps

    @property
    def hides(self) -> frozenset[str]:
        """What an aggregate cannot see any more."""
        return self.part.hides

    def encode(self, delta: Tensors, number: int, rng: Generator, kept: Kept) -> tuple[bytes, Kept]:
        """What is sent in round `number`, from 0, and what the client keeps. Raises GanglionError if it diverged."""
        wanted, meant = (delta, {}) if self.memory is None else self.memory.before(delta, kept)
        if not np.isfinite(wanted.flat).all():
            raise GanglionError("an update that is not finite cannot be compressed: training diverged; lower its rate")
        where, numbers = self.part.take(wanted, number, rng)
        body = b"".join((SIZE.pack(len(where)), where, self.numbers.write(numbers, rng)))
        small = zlib.compress(body, LEVEL) if self.deflate else body
        less = len(small) < len(body)
        raw = HEAD.pack(MAGIC, self.part.code, self.numbers.code, self.numbers.bits, less) + (small if less else body)
        return raw, {} if self.memory is None else self.memory.after(wanted, decode(raw, delta), meant)


def decode(raw: Bytes, like: Tensors) -> Tensors:
    """The update behind bytes, in the layout of `like`. Raises ProtocolError for anything that is not exactly one."""
    if len(raw) < HEAD.size or bytes(raw[:4]) != MAGIC:
        raise ProtocolError(f"{len(raw)} bytes do not begin as a compressed update does; upgrade the older side")
    _, part, kind, bits, deflated = HEAD.unpack_from(raw)
    if part not in PARTS or kind not in NUMBERS or deflated > 1:
        raise ProtocolError(f"an update of part {part} and numbers {kind} is not known here; upgrade the older side")
    body = memoryview(_inflated(raw[HEAD.size :], like) if deflated else raw[HEAD.size :])
    end = SIZE.size + (SIZE.unpack_from(body)[0] if len(body) >= SIZE.size else 1 << 32)
    if len(body) < end:
        raise ProtocolError(f"a compressed update of {len(raw)} bytes ends before its positions; send it anew")
    where, (count, put) = body[SIZE.size : end], PARTS[part]
    wanted = count(where, like)
    if wanted > max(1, len(like.flat)):
        raise ProtocolError(f"{wanted} numbers are more than the {len(like.flat)} weights; send the update anew")
    with np.errstate(over="ignore", invalid="ignore"):  # said below, in words
        made = put(where, NUMBERS[kind](body[end:], bits, wanted), like)
    if not np.isfinite(made.flat).all():
        raise ProtocolError("a compressed update holds numbers beyond the range of float32; send it anew")
    return made


def _inflated(raw: Bytes, like: Tensors) -> bytes:
    """Never more than an update of this size can need."""
    most, stream = 16 * len(like.flat) + SPARE_BYTES, zlib.decompressobj()
    try:
        body = stream.decompress(raw, most)
    except zlib.error as error:
        raise ProtocolError(f"a compressed update of {len(raw)} bytes is damaged: {error}; send it anew") from error
    if not stream.eof or stream.unused_data:
        raise ProtocolError(f"a compressed update grows beyond {most} bytes or does not end; send it anew")
    return body
