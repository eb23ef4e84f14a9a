"""A disk that loses what was not synced when its node crashes, and blobs by digest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from numpy.random import Generator

from ..core.errors import Corrupt, NotFound
from ..core.label import Label
from ..core.ports import Change, Drop, Row
from ..core.ref import Ref, digest_of
from .heap import Heap


@dataclass
class Platter:
    """What is really there; it outlives crashes."""

    incarnation: str
    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    ids: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (table, key) -> its rows
    last: int = 0
    blobs: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)  # of blobs; the most private that each was kept under
    parts: dict[str, bytearray] = field(default_factory=dict)

    @property
    def used_bytes(self) -> int:
        """Of rows, blobs and what has arrived of blobs."""
        rows = sum(len(row.key) + len(row.data) for table in self.rows.values() for row in table.values())
        return rows + sum(map(len, self.blobs.values())) + sum(map(len, self.parts.values()))

    def apply(self, change: Change) -> None:
        """One change; replacing keeps a row's key once."""
        rows, named = self.rows.setdefault(change.table, {}), (change.table, change.key)
        if isinstance(change, Drop) or change.replace:
            for id in self.ids.pop(named, ()):
                del rows[id]
        if not isinstance(change, Drop):
            self.last += 1
            rows[self.last] = Row(self.last, change.key, change.data)
            self.ids.setdefault(named, []).append(self.last)


class SimDisk:
    """A Disk whose commits take `sync_s`, in order; `alive` is False for commits of a life that has ended."""

    def __init__(self, platter: Platter, heap: Heap, alive: Callable[[], bool], sync_s: float = 0.001) -> None:
        self._platter = platter
        self._heap = heap
        self._alive = alive
        self._sync_s = sync_s
        self._writing: deque[Sequence[Change]] = deque()

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """All or nothing, unless the node crashes before the sync."""

        def sync() -> None:
            if self._alive():
                self._land()
                tell()

        self._writing.append(changes)
        self._heap.push(self._heap.now_s() + self._sync_s, sync)

    def crash(self, chance: Generator, landed: float) -> None:
        """The power goes: of what was being written, more or less is there, in order; of arriving blobs, a part."""
        while self._writing and chance.random() < landed:
            self._land()
        for part in self._platter.parts.values() if landed else ():
            del part[int(chance.integers(len(part) + 1)) :]

    def _land(self) -> None:
        for change in self._writing.popleft():
            self._platter.apply(change)

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        """Committed rows in order."""
        rows = self._platter.rows.get(table, {})
        return iter([rows[id] for id in sorted(rows) if id > after])

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Keeps bytes under their digest."""
        whole = b"".join(bytes(chunk) for chunk in chunks)
        digest = digest_of(whole)
        return self._keep(whole, Ref(digest, len(whole), label))

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of a blob, or of a part of it."""
        whole = self._platter.blobs.get(ref.digest)
        if whole is None:
            raise NotFound(f"blob {ref.digest[:12]} is not on this disk; fetch it first")
        return whole[start : None if size is None else start + size]

    def has(self, ref: Ref) -> bool:
        """Whether the whole blob is here."""
        return ref.digest in self._platter.blobs

    def label(self, ref: Ref) -> Label:
        """Under which a blob is kept. Raises NotFound."""
        if not self.has(ref):
            raise NotFound(f"blob {ref.digest[:12]} is not on this disk; fetch it first")
        return self._platter.labels[ref.digest]

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """Adds bytes at `start`; what would leave a gap is left out. Bytes held so far."""
        if self.has(ref):
            self._keep(self._platter.blobs[ref.digest], ref)
            return ref.size_bytes
        part = self._platter.parts.setdefault(ref.digest, bytearray())
        if start <= len(part):
            part[start : start + len(data)] = data
        if len(part) >= ref.size_bytes:
            whole = bytes(self._platter.parts.pop(ref.digest))
            if digest_of(whole) != ref.digest:
                raise Corrupt(f"blob {ref.digest[:12]} arrived damaged; it was thrown away, fetch it again")
            self._keep(whole, ref)
            return ref.size_bytes
        return len(part)

    def _keep(self, whole: bytes, ref: Ref) -> Ref:
        """Bytes that are known under two labels are the more private one's."""
        platter = self._platter
        platter.blobs[ref.digest] = whole
        known = platter.labels.get(ref.digest)
        if known is None or known.tier < ref.label.tier:
            platter.labels[ref.digest] = ref.label
        return ref

    def drop(self, ref: Ref) -> None:
        """Forgets a blob."""
        self._platter.blobs.pop(ref.digest, None)
        self._platter.labels.pop(ref.digest, None)
        self._platter.parts.pop(ref.digest, None)
