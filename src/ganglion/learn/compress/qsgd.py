"""QSGD: numbers as a few levels of their bucket's norm, rounded at random so that they are right on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...core.errors import ConfigError, ProtocolError
from ...core.tensors import Array
from .bits import Bytes
from .buckets import read_buckets, rows_of, write_buckets

WIDTHS = (8, 4, 2)


@dataclass(frozen=True)
class Qsgd:
    """x as sign * norm * level / s with s = 2 ** (bits - 1) - 1; the level is rounded up or down so that E[q] = x.

    Source: Alistarh et al. 2017, arXiv:1610.02132, equation 4. Departure: levels have a fixed width, where the paper
    writes them in Elias' code; the lossless tail of `Compress` saves what that would.
    """

    bits: int = 4
    bucket: int = 512  # numbers with a norm of their own
    code: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.bits not in WIDTHS or self.bucket < 1:
            raise ConfigError(f"{self}: QSGD writes numbers in {WIDTHS} bits, in buckets of 1 or more; choose one")

    def write(self, numbers: Array, rng: Generator) -> bytes:
        """Norms and levels."""
        most, rows = (1 << self.bits - 1) - 1, rows_of(numbers, self.bucket)
        norms = np.linalg.norm(rows, axis=1).astype(np.float32)
        share = np.abs(rows) * np.float32(most) / np.where(norms > 0.0, norms, np.float32(1.0))[:, None]
        levels = np.minimum(np.floor(share + rng.random(rows.shape, np.float32)), most)
        return write_buckets(norms, (np.sign(rows) * levels + most).astype(np.uint8), self.bits, len(numbers))


def read_qsgd(raw: Bytes, bits: int, count: int) -> Array:
    """Reads what Qsgd wrote. Raises ProtocolError for anything else."""
    if bits not in WIDTHS:
        raise ProtocolError(f"QSGD in {bits} bits is not known here; it is written in {WIDTHS}")
    most = (1 << bits - 1) - 1
    scales, levels = read_buckets(raw, bits, count)
    if count and levels.max() > 2 * most:
        raise ProtocolError(f"level {levels.max()} is above {2 * most}, the highest of {bits} bits; send it anew")
    made: Array = (levels.astype(np.float32) - np.float32(most)) * scales / np.float32(most)
    return made
