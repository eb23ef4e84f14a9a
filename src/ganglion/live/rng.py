"""Random numbers of a real node: streams by name as in the simulator, secrets from the operating system."""

from __future__ import annotations

import os

from numpy.random import Generator

from ..core.rng import stream


class LiveRng:
    """An Rng whose streams depend on the seed alone and whose secrets depend on nothing."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, *key: str | int) -> Generator:
        """Numbers that depend on the key alone."""
        return stream(self._seed, *key)

    def secret(self, size_bytes: int) -> bytes:
        """Bytes nobody can foretell: for keys and privacy noise."""
        return os.urandom(size_bytes)
