"""PowerSGD: each matrix of an update as the product of two narrow ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ...core.errors import ConfigError, ProtocolError
from ...core.tensors import Array, Tensors
from .bits import Bytes


@dataclass(frozen=True)
class LowRank:
    """M [n, m] as P Q^T of rank `rank`, P orthonormal; what has one axis, or would not get smaller, is sent whole.

    Source: Vogels et al. 2019, arXiv:1905.13727, algorithm 1. Departures: Q is drawn anew and `powers` iterations are
    made, where the paper warm-starts one by the last Q, for a client is asked too seldom for its Q to be any good; and
    each client's P and Q travel by themselves, where the paper's machines add P up before they make Q.
    """

    rank: int = 2
    powers: int = 2
    code: ClassVar[int] = 2
    hides: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if not 1 <= self.rank <= 255 or self.powers < 1:
            raise ConfigError(f"{self}: rank lies between 1 and 255, powers is 1 or more; such as rank 2")

    def take(self, delta: Tensors, number: int, rng: Generator) -> tuple[bytes, Array]:
        """The rank, and both factors of each matrix, one behind the other."""
        parts: list[Array] = []
        for array, wide in _matrices(delta, self.rank):
            if not wide:
                parts.append(array.ravel())
                continue
            matrix = array.reshape(array.shape[0], -1)
            q = rng.normal(size=(matrix.shape[1], self.rank)).astype(np.float32)
            for _ in range(self.powers):
                p = np.linalg.qr(matrix @ q)[0]
                q = matrix.T @ p
            parts += [p.ravel(), q.ravel()]
        return bytes([self.rank]), np.concatenate(parts) if parts else np.zeros(0, np.float32)


def count_factors(where: Bytes, like: Tensors) -> int:
    """How many numbers come. Raises ProtocolError where no rank is said."""
    if len(where) != 1 or not where[0]:
        raise ProtocolError(f"a factored update says its rank in 1 byte, not in {len(where)}; send it anew")
    rank = where[0]
    return sum(rank * _sides(array) if wide else array.size for array, wide in _matrices(like, rank))


def put_factors(where: Bytes, numbers: Array, like: Tensors) -> Tensors:
    """The products."""
    rank, start, flat = where[0], 0, []
    for array, wide in _matrices(like, rank):
        count = rank * _sides(array) if wide else array.size
        given, start = numbers[start : start + count], start + count
        if wide:
            tall = rank * array.shape[0]
            given = given[:tall].reshape(-1, rank) @ given[tall:].reshape(-1, rank).T
        flat.append(given.ravel())
    return like.with_flat(np.concatenate(flat) if flat else like.flat)


def _matrices(tensors: Tensors, rank: int) -> Iterator[tuple[Array, bool]]:
    """Each tensor, and whether two factors of that rank are smaller."""
    for array in dict(tensors.items()).values():
        yield array, array.ndim > 1 and array.size > 0 and rank * _sides(array) < array.size


def _sides(array: Array) -> int:
    return int(array.shape[0] + array.size // array.shape[0])
