"""Numbers as floating point, whole or half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator

from ...core.errors import ConfigError, ProtocolError
from ...core.tensors import Array
from .bits import Bytes

KINDS: dict[int, np.dtype[Any]] = {32: np.dtype("<f4"), 16: np.dtype("<f2")}
MOST_HALF = 65504.0


@dataclass(frozen=True)
class Plain:
    """IEEE 754 numbers of 32 bits, exact, or of 16, whose range ends at 65504."""

    bits: int = 32
    code: ClassVar[int] = 0

    def __post_init__(self) -> None:
        if self.bits not in KINDS:
            raise ConfigError(f"bits = {self.bits}: floating point is written in 32 or 16; or choose numbers = even")

    def write(self, numbers: Array, rng: Generator) -> bytes:
        """Little-endian."""
        held = numbers if self.bits == 32 else np.clip(numbers, -MOST_HALF, MOST_HALF)
        return held.astype(KINDS[self.bits]).tobytes()


def read_plain(raw: Bytes, bits: int, count: int) -> Array:
    """Reads what Plain wrote. Raises ProtocolError for another length or what is not finite."""
    if bits not in KINDS or len(raw) != count * bits // 8:
        raise ProtocolError(f"{count} numbers of {bits} bits came in {len(raw)} bytes; send the update anew")
    numbers: Array = np.frombuffer(raw, KINDS[bits]).astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ProtocolError("it holds numbers that are not finite; the client's training diverged, lower its rate")
    return numbers
