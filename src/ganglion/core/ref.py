"""A reference to bytes: their digest, size and label. Data moves only as one of these."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from .label import Label

HELD = "~"  # a digest that starts so names a tensor held in memory for one request, not a stored blob


@dataclass(frozen=True, order=True)
class Ref:
    """Names some bytes. A stored blob is named by SHA-256; a held tensor by `~node/request/name`."""

    digest: str
    size_bytes: int
    label: Label

    @property
    def is_held(self) -> bool:
        """Whether this names a tensor in memory that vanishes with its request."""
        return self.digest.startswith(HELD)


def digest_of(chunks: Iterable[bytes | memoryview] | bytes) -> str:
    """SHA-256 of bytes, in hex; the one digest used for content everywhere."""
    if isinstance(chunks, bytes):
        chunks = (chunks,)
    seen = hashlib.sha256()
    for chunk in chunks:
        seen.update(chunk)
    return seen.hexdigest()
