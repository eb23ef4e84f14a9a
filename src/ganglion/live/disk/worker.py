"""The Disk port in a node's worker process: the node's blobs and rows, and commits one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ...core.errors import Refused
from ...core.label import Label
from ...core.ports import Change, Row, Vault
from ...core.ref import Ref
from .blobs import LiveBlobs
from .rows import Rows, checked


class WorkerDisk:
    """The folder of a node that is running. It never patches: what arrives is the node's."""

    def __init__(self, folder: Path, vault: Vault | None) -> None:
        self._blobs = LiveBlobs(folder, vault)
        self._rows = Rows(folder / "state.db")

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """Syncs before it returns, and tells. Raises WriteFailed, so that the work fails rather than the node."""
        self._rows.apply([[checked(change) for change in changes]])
        tell()

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        """Committed rows in order, the node's and its own."""
        return iter(self._rows.scan(table, after))

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Keeps bytes under their digest; sealed above `public`."""
        return self._blobs.put(chunks, label)

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of a blob, or of a part of it."""
        return self._blobs.get(ref, start, size)

    def has(self, ref: Ref) -> bool:
        """Whether the whole blob is here."""
        return self._blobs.has(ref)

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """Refused: two processes must not both write an arriving blob."""
        raise Refused("a worker process does not receive blobs; let its node fetch them")

    def drop(self, ref: Ref) -> None:
        """Forgets a blob."""
        self._blobs.drop(ref)

    def close(self) -> None:
        """Lets go of the database."""
        self._rows.close()
