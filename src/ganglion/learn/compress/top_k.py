"""Only the largest weights of an update are sent, with where they belong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...core.errors import ConfigError, ProtocolError
from ...core.tensors import Array, Tensors
from .bits import HEAD, Bytes, read_rising, write_rising

FIRST = 0.25  # share that is sent in the first round of a warm-up


@dataclass(frozen=True)
class TopK:
    """A share of the weights, the largest over all tensors together; at least one.

    Source: Aji & Heafield 2017, arXiv:1704.05021; the warm-up: Lin et al. 2018, arXiv:1712.01887, section 3.4, there in
    steps of an epoch, here from round to round: a quarter first, then geometrically down to `share` in round `warm`.
    What is left out is lost unless somebody remembers it: Feedback or Dgc.
    """

    share: float = 0.01
    warm: int = 0  # rounds
    code: ClassVar[int] = 1
    hides: ClassVar[frozenset[str]] = frozenset({"every"})

    def __post_init__(self) -> None:
        if not 0.0 < self.share <= 1.0 or self.warm < 0:
            raise ConfigError(f"{self} would send nothing: share lies above 0 and up to 1; such as 0.01")

    def count(self, size: int, number: int) -> int:
        """How many of so many weights are sent in round `number`, from 0."""
        share = self.share
        if number < self.warm and share < FIRST:
            share = FIRST * (share / FIRST) ** (number / self.warm)
        return min(size, max(1, round(share * size)))

    def take(self, delta: Tensors, number: int, rng: Generator) -> tuple[bytes, Array]:
        """Where the largest are, and they."""
        count = self.count(len(delta.flat), number)
        chosen = np.sort(np.argpartition(np.abs(delta.flat), -count)[-count:])
        return write_rising(chosen), delta.flat[chosen]


def count_sparse(where: Bytes, like: Tensors) -> int:
    """How many numbers come; the positions are looked at when they do. Raises ProtocolError."""
    if len(where) < HEAD.size:
        raise ProtocolError(f"{len(where)} bytes are too few for positions; send the update anew")
    return int(HEAD.unpack_from(where)[1])


def put_sparse(where: Bytes, numbers: Array, like: Tensors) -> Tensors:
    """Zeros, and the numbers at their places. Raises ProtocolError for positions that are not there."""
    flat = np.zeros_like(like.flat)
    flat[read_rising(where, len(flat))] = numbers
    return like.with_flat(flat)
