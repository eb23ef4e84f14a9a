"""A model's weights, or a change of them: one flat float32 buffer and a layout."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Layout = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, eq=False)
class Tensors:
    """Named tensors in one flat buffer; arithmetic is on the buffer, so it costs one pass.

    >>> w = Tensors.of({"a": np.ones((2, 2)), "b": np.zeros(3)})
    >>> float((w * 2.0 - w).norm())
    2.0
    """

    flat: Array  # [sum of sizes], float32
    layout: Layout

    @staticmethod
    def of(named: Mapping[str, NDArray[np.generic]]) -> Tensors:
        """Copies named arrays into one buffer, in the order given."""
        layout = tuple((name, tuple(array.shape)) for name, array in named.items())
        parts = [np.asarray(array, dtype=np.float32).ravel() for array in named.values()]
        return Tensors(np.concatenate(parts) if parts else np.zeros(0, np.float32), layout)

    def items(self) -> Iterator[tuple[str, Array]]:
        """Each name with a view of its tensor."""
        start = 0
        for name, shape in self.layout:
            size = math.prod(shape)
            yield name, self.flat[start : start + size].reshape(shape)
            start += size

    def __getitem__(self, name: str) -> Array:
        for known, array in self.items():
            if known == name:
                return array
        raise KeyError(f"no tensor {name!r}; there are {[n for n, _ in self.layout]}")

    def with_flat(self, flat: Array) -> Tensors:
        """The same layout over another buffer."""
        if flat.shape != self.flat.shape:
            raise ValueError(f"a buffer of {flat.shape} cannot carry a layout of {self.flat.shape}")
        return Tensors(np.asarray(flat, dtype=np.float32), self.layout)

    def zero(self) -> Tensors:
        """As many zeros."""
        return self.with_flat(np.zeros_like(self.flat))

    def __add__(self, other: Tensors) -> Tensors:
        return self.with_flat(self.flat + other._same(self).flat)

    def __sub__(self, other: Tensors) -> Tensors:
        return self.with_flat(self.flat - other._same(self).flat)

    def __mul__(self, factor: float) -> Tensors:
        return self.with_flat(self.flat * np.float32(factor))

    def __truediv__(self, factor: float) -> Tensors:
        return self.with_flat(self.flat / np.float32(factor))

    def norm(self) -> float:
        """Euclidean norm over all tensors."""
        return float(np.linalg.norm(self.flat.astype(np.float64)))

    def digest(self) -> str:
        """SHA-256 over layout and content."""
        seen = hashlib.sha256(repr(self.layout).encode())
        seen.update(np.ascontiguousarray(self.flat, dtype="<f4").data)
        return seen.hexdigest()

    def _same(self, other: Tensors) -> Tensors:
        if self.layout != other.layout:
            raise ValueError("tensors of different layouts cannot be combined; was the model changed between the two?")
        return self
