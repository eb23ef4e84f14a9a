"""Rows in SQLite: write-ahead log, synchronous=FULL, one writer and one reader connection."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ...core.errors import ConfigError, Corrupt
from ...core.ports import Change, Drop, Put, Row
from .space import WriteFailed, full_message, sync_folder

FORMAT = 1  # of the tables; kept in user_version
APPLICATION = 0x67616E67  # "gang", so that `file` and we know our own
BUSY_S = 5.0  # how long to wait for a reader that holds the file
ROW_BYTES = 64 << 20  # most a row may hold; more belongs in a blob
LOG_BYTES = 16 << 20  # the write-ahead log is cut to this after a checkpoint

TABLES = f"""
BEGIN;
CREATE TABLE rows (
  id INTEGER PRIMARY KEY AUTOINCREMENT, tbl TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL
) STRICT;
CREATE INDEX rows_by_table ON rows (tbl, id);
CREATE INDEX rows_by_key ON rows (tbl, key);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO facts VALUES ('incarnation', '{{incarnation}}');
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""


class Rows:
    """One database file. `apply` belongs to one thread, `scan` to any; other processes may read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        fresh = not path.exists()
        try:
            self._writer = _connect(path)
            self._prepare()
            self._reader = _connect(path)
        except sqlite3.OperationalError as error:
            raise ConfigError(f"{path} cannot be opened: {error}; check its folder and the space there") from error
        except sqlite3.DatabaseError as error:
            raise _damaged(path, str(error)) from error
        self.incarnation = str(self._value("SELECT value FROM facts WHERE name = 'incarnation'"))
        if fresh:
            sync_folder(path.parent)
        self._reading = threading.Lock()

    def apply(self, transactions: Iterable[Sequence[Change]]) -> None:
        """Everything or nothing, on the platter when it returns. Raises WriteFailed, and then nothing was done."""
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            for change in lasting([change for changes in transactions for change in changes]):
                self._apply(change)
            writer.execute("COMMIT")
        except sqlite3.Error as error:
            if writer.in_transaction:
                writer.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
                raise WriteFailed(full_message(self.path.parent, "what was asked is not written")) from error
            raise WriteFailed(f"{self.path} cannot be written: {error}; check the medium") from error

    def scan(self, table: str, after: int) -> list[Row]:
        """The committed rows of a table with a greater id, in order."""
        asked = "SELECT id, key, data FROM rows WHERE tbl = ? AND id > ? ORDER BY id"
        with self._reading:
            return [Row(*found) for found in self._reader.execute(asked, (table, after))]

    def everything(self) -> list[tuple[str, str, bytes]]:
        """Table, key and data of every committed row, oldest first."""
        with self._reading:
            return list(self._reader.execute("SELECT tbl, key, data FROM rows ORDER BY id"))

    def close(self) -> None:
        """Ends both connections; the last one folds the log into the file."""
        with self._reading:
            self._reader.close()
        self._writer.close()

    def _apply(self, change: Change) -> None:
        if isinstance(change, Drop) or change.replace:
            self._writer.execute("DELETE FROM rows WHERE tbl = ? AND key = ?", (change.table, change.key))
        if not isinstance(change, Drop):
            row = (change.table, change.key, change.data)
            self._writer.execute("INSERT INTO rows (tbl, key, data) VALUES (?, ?, ?)", row)

    def _prepare(self) -> None:
        """Makes the tables of a new database; refuses one that is foreign, of another format, or damaged."""
        if not self._value("SELECT count(*) FROM sqlite_schema"):
            self._writer.executescript(TABLES.format(incarnation=secrets.token_hex(16)))
        if self._value("PRAGMA application_id") != APPLICATION:
            raise ConfigError(f"{self.path} is another program's database; give this node a folder of its own")
        if (version := self._value("PRAGMA user_version")) != FORMAT:
            raise ConfigError(f"{self.path} has format {version}, not {FORMAT}; run the ganglion that reads it")
        if (found := self._value("PRAGMA integrity_check(1)")) != "ok":
            raise _damaged(self.path, str(found))

    def _value(self, asked: str) -> object:
        return self._writer.execute(asked).fetchone()[0]


def lasting(changes: Sequence[Change]) -> Iterator[Change]:
    """Changes that leave something behind once all are made: what a later one of them takes away is not written first.

    In a batch of many messages from few neighbours that is most of the cursors, and every journal that a snapshot ends.
    """
    ends = {
        (change.table, change.key): place
        for place, change in enumerate(changes)
        if isinstance(change, Drop) or change.replace
    }
    for place, change in enumerate(changes):
        if place >= ends.get((change.table, change.key), 0):
            yield change


def checked(change: Change) -> Change:
    """Refuses, while the one who asks is still there, what the database would refuse for ever."""
    for text in (change.table, change.key):
        text.encode()
    if isinstance(change, Put) and (size_bytes := memoryview(change.data).nbytes) > ROW_BYTES:
        what = f"a row of {size_bytes} bytes for table {change.table!r}"
        raise ConfigError(f"{what} is above the limit of {ROW_BYTES}; keep it as a blob")
    return change


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode = WAL", "synchronous = FULL", f"journal_size_limit = {LOG_BYTES}"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _damaged(path: Path, why: str) -> Corrupt:
    return Corrupt(
        f"{path} is damaged: {why}; restore it from a backup, or move it away: the node then starts empty, "
        "as a new incarnation"
    )
