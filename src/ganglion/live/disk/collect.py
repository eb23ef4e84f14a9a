"""Blob garbage collection: what no row names, directly or through another blob, goes; and disk quotas by class of data.

Whatever looks like a digest in a row keeps that blob, so a table that is new needs nothing here to be safe.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...core.errors import GanglionError
from ...core.label import PUBLIC_RAW
from ...core.ports import Change, Drop
from ...core.ref import Ref
from . import listing

HEX = re.compile(rb"[0-9a-f]{64,}")
MANIFEST_BYTES = 1 << 20  # a larger blob holds tensors, and names no other
PARTS_S = 7 * 86_400.0  # for so long a broken-off transfer may go on
GRACE_S = 3600.0  # a blob is written before the row that names it
RELEASES, KEPT, OUTBOX = "releases", "kept", "outbox"
LOGS = ("audit",)  # tables that tell of data and need none of them
CLASSES = {RELEASES: "models", "active": "models", "aliases": "models", KEPT: "samples", OUTBOX: "promised"}
log = logging.getLogger("ganglion.disk")

Rows = Sequence[tuple[str, str, bytes]]  # table, key, data; oldest first


@dataclass(frozen=True)
class Quotas:
    """The most that each class of data may take, in bytes. What is promised to others is never thrown away for it."""

    models_bytes: int = 4 << 30
    samples_bytes: int = 1 << 30
    promised_bytes: int = 1 << 30
    flows_bytes: int = 2 << 30  # what open processes work on

    def of(self, name: str) -> int:
        """By the name of a class."""
        most: int = getattr(self, f"{name}_bytes")
        return most


@dataclass(frozen=True)
class Collected:
    """What one run did."""

    used: Mapping[str, int]  # class, bytes on disk; "waste" is what nothing names, young blobs included
    dropped: int  # blobs
    freed_bytes: int
    retired: tuple[str, ...]  # keys of releases that were taken out of the store
    over: tuple[str, ...]  # classes above their quota after it


@dataclass
class Collector:
    """Marks from rows, sweeps blobs. `keep`: so many of the latest releases stay whatever else is true of them."""

    folder: Path
    get: Callable[[Ref, int, int], bytes]  # of a blob, from so many bytes on
    quotas: Quotas = field(default_factory=Quotas)
    keep: int = 3
    grace_s: float = GRACE_S
    _named: dict[str, frozenset[str]] = field(default_factory=dict)  # by a blob; its bytes cannot change

    def plan(self, rows: Rows, held: Iterable[str] = ()) -> tuple[list[Change], dict[str, str]]:
        """Which rows to drop for the quotas, and the class of every blob that stays by what is left.

        `rows`: all but those of processes that are over; `held`: digests that something in memory uses.
        """
        sizes = listing.sizes(self.folder)
        changes: list[Change] = []
        firm = [row for row in rows if row[0] not in (RELEASES, KEPT, *LOGS)]
        marks = self._marks(firm, held)
        releases = sorted((row for row in rows if row[0] == RELEASES), key=lambda row: int(row[1]), reverse=True)
        aliased = {data.decode() for table, _, data in rows if table == "aliases"}
        for place, row in enumerate(releases):
            needed = place < self.keep or row[1] in aliased or any(one in marks for one in _digests(row[2]))
            fresh = {one: "models" for one in self._marks([row], ()) if one not in marks}
            models = sum(sizes.get(one, 0) for one, kind in [*marks.items(), *fresh.items()] if kind == "models")
            if needed or models <= self.quotas.models_bytes:
                marks |= fresh
            else:
                changes.append(Drop(RELEASES, row[1]))
        taken = 0
        for row in reversed([row for row in rows if row[0] == KEPT]):  # the latest samples stay
            fresh = {one: "samples" for one in self._marks([row], ()) if one not in marks}
            taken += sum(sizes.get(one, 0) for one in fresh)
            if taken <= self.quotas.samples_bytes:
                marks |= fresh
            else:
                changes.append(Drop(KEPT, row[1]))
        return changes, marks

    def sweep(self, marks: Mapping[str, str], changes: Sequence[Change], now_s: float) -> Collected:
        """Drops what has no mark and is old enough, once the changes are committed. `now_s`: wall time."""
        sizes, used, dropped, freed = listing.sizes(self.folder), {"waste": 0}, 0, 0
        for digest, size_bytes in sizes.items():
            kind = marks.get(digest, "waste")
            if kind == "waste" and listing.drop_unused(self.folder, digest, now_s - self.grace_s):
                dropped, freed = dropped + 1, freed + size_bytes
                self._named.pop(digest, None)
                continue
            used[kind] = used.get(kind, 0) + size_bytes
        listing.drop_old_parts(self.folder, now_s - PARTS_S)
        over = tuple(kind for kind, taken in used.items() if kind != "waste" and taken > self.quotas.of(kind))
        retired = tuple(change.key for change in changes if change.table == RELEASES)
        return Collected(used, dropped, freed, retired, over)

    def _marks(self, rows: Iterable[tuple[str, str, bytes]], held: Iterable[str]) -> dict[str, str]:
        """The class of each blob that rows name, through however many blobs."""
        waiting = [(digest, CLASSES.get(table, "flows")) for table, _, data in rows for digest in _digests(data)]
        waiting += [(digest, "flows") for digest in held]
        marks: dict[str, str] = {}
        while waiting:
            digest, kind = waiting.pop()
            if digest not in marks or (marks[digest] == "flows" and kind != "flows"):
                marks[digest] = kind
                waiting += [(one, kind) for one in self._names(digest) if one != digest]
        return marks

    def _names(self, digest: str) -> frozenset[str]:
        """Digests that a blob holds; none for what is absent, large or damaged."""
        if digest not in self._named:
            size_bytes = listing.size_of(self.folder, digest)
            if size_bytes is None or size_bytes > MANIFEST_BYTES:
                return frozenset()
            try:
                raw = self.get(Ref(digest, 0, PUBLIC_RAW), 0, MANIFEST_BYTES)
            except GanglionError as error:
                log.warning("a blob was not looked into: %s", error)
                return frozenset()
            self._named[digest] = frozenset(_digests(raw))
        return self._named[digest]


def collect(
    collector: Collector,
    rows: Rows,
    held: Iterable[str],
    commit: Callable[[Sequence[Change], Callable[[], None]], None],
    done: Callable[[Collected], None],
    now_s: float,
) -> None:
    """One whole run: marks, commits what the quotas cost, sweeps only then. `done` hears what it did."""
    changes, marks = collector.plan(rows, held)
    if changes:
        commit(changes, lambda: done(collector.sweep(marks, changes, now_s)))
    else:
        done(collector.sweep(marks, changes, now_s))


def _digests(raw: bytes) -> set[str]:
    """Every 64 digits in a row that could be a digest: what stands beside one in an encoding may look like a digit."""
    runs = [found.decode() for found in HEX.findall(raw)]
    return {run[at : at + 64] for run in runs for at in range(len(run) - 63)}
