"""Random numbers by name: the same seed and key give the same numbers, whoever asks first."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from numpy.random import Generator, Philox


def stream(seed: int, *key: str | int) -> Generator:
    """A counter-based generator for one purpose. Source: Salmon et al. 2011 (Philox), seeded by SHA-256.

    >>> int(stream(7, "shuffle", 1).integers(1000)) == int(stream(7, "shuffle", 1).integers(1000))
    True
    """
    return Generator(Philox(key=_number(seed, key)))


def streams(seed: int, keys: Iterable[tuple[str | int, ...]]) -> Iterator[Generator]:
    """The stream of each key in turn, sooner than one by one: use one up before asking for the next.

    >>> [int(one.integers(1000)) for one in streams(7, [("a",)])] == [int(stream(7, "a").integers(1000))]
    True
    """
    bits = Philox(key=0)
    fresh, turned = bits.state, Generator(bits)
    for key in keys:
        number = _number(seed, key)
        fresh["state"]["key"][:] = (number & (1 << 64) - 1, number >> 64)
        bits.state = fresh
        yield turned


def _number(seed: int, key: tuple[str | int, ...]) -> int:
    # repr quotes and escapes, so no two keys share a name; int() lets numpy's integers name the same stream as Python's
    name = repr((int(seed), *(part if isinstance(part, str) else int(part) for part in key)))
    return int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:16], "little")
