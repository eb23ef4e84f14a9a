"""The Disk port on a real machine: rows, blobs, a group writer, and a lock so that a folder has one node."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ...core.errors import ConfigError, GanglionError
from ...core.label import Label
from ...core.ports import Change, Row, Vault
from ...core.ref import Ref
from .blobs import LiveBlobs
from .rows import Rows, checked
from .space import disk_errors_named, sync_folder
from .writer import GroupWriter

CLOSE_S = 10.0
log = logging.getLogger("ganglion.disk")


class LiveDisk:
    """A node's folder: state.db, blobs/, arriving/ and a lock. Its worker opens `LiveBlobs` on it meanwhile.

    `call_soon` brings a call to the node's thread. `failed` hears, there, why commits are not being written (a full
    disk, a broken medium); they are kept and tried again until they are.
    """

    def __init__(
        self,
        folder: Path,
        vault: Vault | None,
        call_soon: Callable[[Callable[[], None]], None],
        failed: Callable[[str], None] = log.error,
    ) -> None:
        with disk_errors_named(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            sync_folder(folder.parent)
            self._lock = _lock(folder)
        try:
            with disk_errors_named(folder):
                self.blobs = LiveBlobs(folder, vault)
                self.blobs.sweep()
            self._rows = Rows(folder / "state.db")
        except BaseException:
            os.close(self._lock)
            raise
        self.incarnation = self._rows.incarnation
        self._writer = GroupWriter(self._rows.apply, call_soon, failed)

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """All or nothing, in the order asked; `tell` is called once they are synced."""
        self._writer.add([checked(change) for change in changes], tell)

    @property
    def waiting(self) -> int:
        """Transactions that are not on the platter yet."""
        return self._writer.waiting

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        """Committed rows in order, as they are now."""
        return iter(self._rows.scan(table, after))

    def everything(self) -> list[tuple[str, str, bytes]]:
        """Table, key and data of every committed row, oldest first; for what must overlook no table."""
        return self._rows.everything()

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Keeps bytes under their digest; sealed above `public`."""
        return self.blobs.put(chunks, label)

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of a blob, or of a part of it."""
        return self.blobs.get(ref, start, size)

    def has(self, ref: Ref) -> bool:
        """Whether the whole blob is here."""
        return self.blobs.has(ref)

    def label(self, ref: Ref) -> Label:
        """Under which a blob is kept."""
        return self.blobs.label(ref)

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """Adds bytes to a blob; bytes held so far."""
        return self.blobs.patch(ref, start, data)

    def drop(self, ref: Ref) -> None:
        """Forgets a blob."""
        self.blobs.drop(ref)

    def close(self) -> None:
        """Writes what was committed, then lets go of the folder. Raises GanglionError when that takes too long."""
        if not self._writer.close(CLOSE_S):
            raise GanglionError(
                f"{self._rows.path}: the disk did not finish writing within {CLOSE_S:g} s; check the medium"
            )
        self._rows.close()
        os.close(self._lock)


def _lock(folder: Path) -> int:
    """Takes the folder for this process; the system gives it back whatever way the process ends."""
    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise ConfigError(
            f"{folder} is in use by another node; stop that one, or give this one its own folder"
        ) from None
    return handle
