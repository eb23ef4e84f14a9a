"""A log in which nothing can be changed unseen: each entry carries the digest of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from ..core.errors import Corrupt

ROOT = "0" * 64  # what the first entry follows
DOMAIN = b"ganglion audit 1"  # digests made here mean nothing elsewhere


@dataclass(frozen=True)
class Entry:
    """One act, as bytes of the codec, in its place."""

    number: int  # from 0
    before: str  # digest of the entry before
    record: bytes
    digest: str


def entry(before: Entry | None, record: bytes) -> Entry:
    """The next entry. Source: Haber & Stornetta 1991 (J. Cryptology 3), linked records."""
    number, root = (before.number + 1, before.digest) if before else (0, ROOT)
    return Entry(number, root, record, _digest(number, root, record))


def verify_chain(entries: Iterable[Entry], head: str = "") -> int:
    """How many entries there are, if each is whole and follows the one before; raises Corrupt if not.

    Entries cut off at the end leave no trace within the log: give `head`, the last digest that somebody else has seen.
    """
    number, last, heads = 0, ROOT, {ROOT}
    for item in entries:
        if (item.number, item.before) != (number, last):
            raise Corrupt(
                f"audit entry {item.number} does not follow entry {number - 1}; entries were moved or removed"
            )
        if item.digest != _digest(item.number, item.before, item.record):
            raise Corrupt(f"audit entry {item.number} is not what was written; restore the log from a copy")
        number, last = number + 1, item.digest
        heads.add(last)
    if head and head not in heads:
        raise Corrupt(f"an audit log of {number} entries lacks the one with digest {head[:12]}; its end was cut off")
    return number


def _digest(number: int, before: str, record: bytes) -> str:
    # both counts have a fixed width, so no two entries read as the same bytes
    return hashlib.sha256(DOMAIN + number.to_bytes(8, "big") + bytes.fromhex(before) + record).hexdigest()
