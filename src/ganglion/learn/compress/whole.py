"""Every weight of an update is sent; only how its numbers are written can make it smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from numpy.random import Generator

from ...core.errors import ProtocolError
from ...core.tensors import Array, Tensors
from .bits import Bytes


@dataclass(frozen=True)
class Whole:
    """All numbers in their order."""

    code: ClassVar[int] = 0
    hides: ClassVar[frozenset[str]] = frozenset()

    def take(self, delta: Tensors, number: int, rng: Generator) -> tuple[bytes, Array]:
        """Nothing has to be said about where they belong."""
        return b"", delta.flat


def count_whole(where: Bytes, like: Tensors) -> int:
    """How many numbers come. Raises ProtocolError where something is said about where they belong."""
    if len(where):
        raise ProtocolError(f"{len(where)} bytes of positions beside a whole update; send it anew")
    return len(like.flat)


def put_whole(where: Bytes, numbers: Array, like: Tensors) -> Tensors:
    """The update behind the numbers."""
    return like.with_flat(numbers)
