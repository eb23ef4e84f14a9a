"""A tensor as its own bytes: exact, and as large as it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ProtocolError
from .packed import RAW, Head, describe


@dataclass(frozen=True)
class Raw:
    """Little-endian numbers in C order, whatever their type."""

    name = "raw"

    def encode(self, array: NDArray[Any]) -> bytes:
        """Exact. Raises ConfigError for a type that cannot be packed."""
        head = describe(array, RAW, 8 * array.dtype.itemsize)
        return head.write() + np.ascontiguousarray(array, head.dtype).tobytes()


def read_raw(head: Head, body: memoryview) -> NDArray[Any]:
    """The tensor behind a head, as a view of its bytes. Raises ProtocolError for another size."""
    if len(body) != head.nbytes:
        raise ProtocolError(f"a raw tensor {head.shape} of {head.dtype} has {len(body)} bytes instead of {head.nbytes}")
    return np.frombuffer(body, head.dtype).reshape(head.shape)
