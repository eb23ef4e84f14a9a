"""Numbers as even steps of their bucket's largest, or as signs; rounded to the nearest, so somebody has to remember."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...core.errors import ConfigError, ProtocolError
from ...core.tensors import Array
from .bits import Bytes
from .buckets import read_buckets, rows_of, write_buckets

WIDTHS = (8, 4, 2, 1)


@dataclass(frozen=True)
class Even:
    """x as largest * level / s with s = 2 ** (bits - 1) - 1; in 1 bit as its sign times the bucket's mean of |x|.

    Source: Seide et al. 2014 (1-bit SGD); Karimireddy et al. 2019, arXiv:1901.09847, whose scaled sign it is.
    """

    bits: int = 8
    bucket: int = 512  # numbers with a scale of their own
    code: ClassVar[int] = 2

    def __post_init__(self) -> None:
        if self.bits not in WIDTHS or self.bucket < 1:
            raise ConfigError(f"{self}: numbers are written in {WIDTHS} bits, in buckets of 1 or more; choose one")

    def write(self, numbers: Array, rng: Generator) -> bytes:
        """Scales and levels."""
        rows = rows_of(numbers, self.bucket)
        size = np.abs(rows)
        if self.bits == 1:
            there = np.minimum(self.bucket, len(numbers) - rows.shape[1] * np.arange(len(rows)))
            scales = size.sum(1) / np.maximum(there, 1)
            return write_buckets(scales, (rows >= 0.0).astype(np.uint8), 1, len(numbers))
        most, scales = (1 << self.bits - 1) - 1, size.max(1, initial=0.0)
        step = np.where(scales > 0.0, scales, np.float32(1.0))[:, None]
        levels = np.clip(np.rint(rows / step * np.float32(most)), -most, most) + most
        return write_buckets(scales, levels.astype(np.uint8), self.bits, len(numbers))


def read_even(raw: Bytes, bits: int, count: int) -> Array:
    """Reads what Even wrote. Raises ProtocolError for anything else."""
    if bits not in WIDTHS:
        raise ProtocolError(f"numbers in {bits} bits are not known here; they are written in {WIDTHS}")
    scales, levels = read_buckets(raw, bits, count)
    most = max(1, (1 << bits - 1) - 1)
    if count and levels.max() > 2 * most:
        raise ProtocolError(f"level {levels.max()} is above {2 * most}, the highest of {bits} bits; send it anew")
    if bits == 1:
        return np.where(levels > 0, scales, -scales)
    made: Array = (levels.astype(np.float32) - np.float32(most)) * scales / np.float32(most)
    return made
