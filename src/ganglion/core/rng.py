"""Random numbers by name: the same seed and key give the same numbers, whoever asks first."""

from __future__ import annotations

import hashlib

from numpy.random import Generator, Philox


def stream(seed: int, *key: str | int) -> Generator:
    """A counter-based generator for one purpose. Source: Salmon et al. 2011 (Philox), seeded by SHA-256.

    >>> int(stream(7, "shuffle", 1).integers(1000)) == int(stream(7, "shuffle", 1).integers(1000))
    True
    """
    # repr quotes and escapes, so no two keys share a name; int() lets numpy's integers name the same stream as Python's
    name = repr((int(seed), *(part if isinstance(part, str) else int(part) for part in key)))
    words = hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
    return Generator(Philox(key=int.from_bytes(words[:16], "little")))
