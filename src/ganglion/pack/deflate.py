"""Another codec's bytes without what repeats in them: DEFLATE at its fastest level.

Source: Deutsch 1996, RFC 1950 and 1951.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ..core.errors import ConfigError, ProtocolError
from .affine import Affine
from .packed import DEFLATE, Codec, Head, describe

LEVEL = 1  # on activations higher levels take several times as long for one or two per cent
INNER = struct.Struct("<Q")  # bytes of the inner blob
SPARE_BYTES = 1 << 20  # of an inner blob over its tensor: its head and ranges


@dataclass(frozen=True)
class Deflate:
    """The bytes of `codec`, compressed. It pays where activations hold many equal values, as after ReLU."""

    codec: Codec = Affine()

    def __post_init__(self) -> None:
        if isinstance(self.codec, Deflate):
            raise ConfigError("compressing twice saves nothing: give Deflate a codec that is none itself")

    @property
    def name(self) -> str:
        """As plans write it."""
        return f"{self.codec.name}+deflate"

    def encode(self, array: NDArray[Any]) -> bytes:
        """A head of its own, the size of the inner blob, and that blob compressed."""
        inner = self.codec.encode(array)
        head = describe(array, DEFLATE, 0)
        return b"".join((head.write(), INNER.pack(len(inner)), zlib.compress(inner, LEVEL)))


def inflate(head: Head, body: memoryview) -> bytes:
    """The inner blob. Raises ProtocolError for bytes that are none, or that would grow beyond what they announce."""
    if len(body) < INNER.size:
        raise ProtocolError("a compressed tensor ends before its size")
    (size,) = INNER.unpack_from(body)
    if size > head.nbytes + SPARE_BYTES:
        raise ProtocolError(f"a compressed tensor {head.shape} announces {size} bytes, more than it can need")
    stream = zlib.decompressobj()
    try:
        inner = stream.decompress(body[INNER.size :], size + 1)
    except zlib.error as error:
        raise ProtocolError(f"a compressed tensor of {len(body)} bytes is damaged: {error}") from error
    if len(inner) != size or not stream.eof or stream.unused_data:
        raise ProtocolError(f"a compressed tensor announces {size} bytes but holds others")
    return inner
