"""Reads what any codec wrote, by the head in front of it."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..core.errors import ProtocolError
from .affine import read_affine
from .deflate import SPARE_BYTES, inflate
from .packed import AFFINE, DEFLATE, MOST_BYTES, RAW, Bytes, head_of
from .raw import read_raw

READERS = {RAW: read_raw, AFFINE: read_affine}


def unpack(blob: Bytes, most_bytes: int = MOST_BYTES) -> NDArray[Any]:
    """The tensor behind bytes from elsewhere, at most so large in memory. Raises ProtocolError for anything else."""
    head, body = head_of(blob, most_bytes)
    if head.codec == DEFLATE:
        outer, blob = head, inflate(head, body)
        head, body = head_of(blob, most_bytes + SPARE_BYTES)
        if (head.dtype, head.shape) != (outer.dtype, outer.shape) or head.codec == DEFLATE:
            raise ProtocolError(f"a compressed tensor {outer.shape} holds another one, {head.shape}")
    return READERS[head.codec](head, body)
