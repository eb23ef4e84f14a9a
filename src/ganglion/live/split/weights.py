"""Weights by digest, in memory and where a folder is given on its disk: what is there is never fetched again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.blob import arrays_of_bytes, arrays_to_bytes
from ...core.errors import Corrupt, ProtocolError
from ...engine.onnx.stored import weight_digest
from ..identity.files import write

PIECE_BYTES = 1 << 20
MOST_BYTES = 1 << 32  # of one weight
KINDS = "fiubc"
Array = NDArray[np.generic]


class Weights(Mapping[str, Array]):
    """What this place holds. `folder` keeps it over restarts; a file that was damaged is as if it were not there."""

    def __init__(self, held: Mapping[str, Array], folder: Path | None = None) -> None:
        self._held: dict[str, Array] = dict(held)
        self._folder = folder

    def __getitem__(self, digest: str) -> Array:
        if digest not in self._held:
            self._held[digest] = self._read(digest)
        return self._held[digest]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, digest: object) -> bool:
        try:
            return self[str(digest)] is not None
        except KeyError:
            return False

    def put(self, digest: str, array: Array) -> None:
        """Keeps a weight. Raises Corrupt where it is another than it is called."""
        if weight_digest(array) != digest:
            raise Corrupt(f"weight {digest[:12]} came with other bytes; is the place below damaged? Fetch it again")
        self._held[digest] = array
        if self._folder is not None:
            write(self._folder / digest, arrays_to_bytes({"weight": array}))

    def _read(self, digest: str) -> Array:
        if self._folder is None or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            raise KeyError(digest)
        try:
            array = arrays_of_bytes((self._folder / digest).read_bytes())["weight"]
        except (OSError, Corrupt, KeyError):
            raise KeyError(digest) from None
        if weight_digest(array) != digest:
            raise KeyError(digest)
        return array


def piece(array: Array, start: int) -> NDArray[np.uint8]:
    """Bytes of a weight from there on, at most one piece."""
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return flat[start : start + PIECE_BYTES]


class Arriving:
    """A weight whose pieces are coming in, in order. Raises ProtocolError for a type or size that no weight has."""

    def __init__(self, dtype: str, shape: tuple[int, ...]) -> None:
        try:
            kind: np.dtype[Any] = np.dtype(dtype)
        except TypeError as error:
            raise ProtocolError(f"a weight of type {dtype!r} cannot be: {error}") from error
        size = math.prod(shape) * kind.itemsize
        if kind.kind not in KINDS or not 0 < size <= MOST_BYTES:
            raise ProtocolError(f"a weight {list(shape)} of {dtype} is none; weights hold 1 to {MOST_BYTES} bytes")
        self._bytes = np.empty(size, np.uint8)
        self._array = self._bytes.view(kind).reshape(shape)
        self.filled = 0

    @property
    def whole(self) -> Array | None:
        """The weight, once all of it is here."""
        return self._array if self.filled == len(self._bytes) else None

    def add(self, start: int, data: NDArray[Any]) -> None:
        """The next piece. Raises ProtocolError for any other."""
        if start != self.filled or data.dtype != np.uint8 or not 0 < data.size <= len(self._bytes) - start:
            raise ProtocolError(f"a piece of {data.nbytes} bytes at {start} does not follow {self.filled} bytes")
        self._bytes[start : start + data.size] = data
        self.filled += data.size
