"""Which blob files a node's disk folder holds, and the one way in which an unused one is taken away.

It opens no blob: what is inside is no business of whoever counts and clears.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .forms import Plain, Sealed

BLOBS, ARRIVING = "blobs", "arriving"  # folders: whole ones, and those on their way
SUFFIXES = (Plain.suffix, Sealed.suffix)
NAME = re.compile(r"[0-9a-f]{64}")


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """A node, its worker and the collector take turns: none finds a blob that another is about to drop."""
    lock = os.open(folder / "turn", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def sizes(folder: Path) -> dict[str, int]:
    """Every whole blob and the bytes that it takes on the disk."""
    found: dict[str, int] = {}
    for path in (folder / BLOBS).glob("??/*"):
        digest = path.name.removesuffix(Sealed.suffix)
        if NAME.fullmatch(digest):
            with suppress(FileNotFoundError):
                found[digest] = found.get(digest, 0) + path.stat().st_size
    return found


def size_of(folder: Path, digest: str) -> int | None:
    """The bytes that one blob takes; None where it is not here."""
    there = [path.stat().st_size for path in _places(folder, digest)]
    return sum(there) if there else None


def drop_unused(folder: Path, digest: str, before_s: float) -> bool:
    """Takes a blob away unless it was written, or put again, since then (wall time). Whether it went."""
    with turn(folder):
        there = _places(folder, digest)
        if not there or max(path.stat().st_mtime for path in there) >= before_s:
            return False
        for path in there:
            path.unlink()
    return True


def drop_old_parts(folder: Path, before_s: float) -> int:
    """Takes away what was set aside as damaged, and what has not gone on arriving since then. How many files."""
    old = [*(folder / BLOBS).glob("??/*.damaged"), *(path for path in (folder / ARRIVING).glob("*") if path.is_file())]
    gone = [path for path in old if path.stat().st_mtime < before_s]
    for path in gone:
        path.unlink(missing_ok=True)
    return len(gone)


def _places(folder: Path, digest: str) -> list[Path]:
    return [path for path in (folder / BLOBS / digest[:2] / (digest + suffix) for suffix in SUFFIXES) if path.exists()]
