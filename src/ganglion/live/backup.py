"""A cloud's identity, members, keys and state in one file, taken while it runs; and a cloud made of such a file again.

What comes back is older than what nodes have seen since, so it goes on above everything that they may know: a new
incarnation of its disk, higher numbers of releases, metadata and the list of members. No invitation outlives it.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import msgspec

from ..core.errors import ConfigError, Corrupt, NotFound
from ..node.bodies import make_codec
from ..node.numbers import LEAST, next_number
from .agent_file import STATE
from .disk.rows import APPLICATION
from .equip import WorkerDisk
from .identity.files import CA_KEY, OFFLINE
from .identity.members import changing_members
from .identity.metadata import leap
from .identity.vault import LocalVault

FORMAT = 1
HEAD, SUMS, DATABASE = "backup.json", "SHA256SUMS", "state.db"
LEFT_OUT = {OFFLINE, "log", "invites", "arriving", "admin.sock", "lock", ".turn"}  # names, wherever they are
GAP = 1000  # numbers left free for what was given out after the backup


@dataclass(frozen=True)
class Restored:
    """What was made of a backup."""

    made_s: float  # wall time of the backup
    files: int
    next_number: int  # of the next release


def backup(folder: Path, out: BinaryIO) -> int:
    """Writes a node's folder as a tar; how many files. Keys of offline roots stay out of it. Raises NotFound."""
    if not (folder / CA_KEY).exists():
        raise NotFound(f"{folder} is no cloud's folder: it has no {CA_KEY}; name the project of a cloud")
    sums, files = list[str](), 0
    with tarfile.open(fileobj=out, mode="w|") as tar:
        _add(tar, HEAD, msgspec.json.encode({"format": FORMAT, "made_s": time.time()}), sums)
        with tempfile.TemporaryDirectory(prefix="ganglion-backup-") as name:  # the rows first: they name the blobs
            copy = Path(name) / DATABASE
            if (folder / STATE / DATABASE).exists():
                _copy_database(folder / STATE / DATABASE, copy)
                _add(tar, f"{STATE}/{DATABASE}", copy.read_bytes(), sums)
        for path in _files(folder):
            try:
                _add(tar, path.relative_to(folder).as_posix(), path.read_bytes(), sums)
            except FileNotFoundError:  # replaced or collected meanwhile
                continue
            files += 1
        _add(tar, SUMS, "".join(sums).encode(), [])
    return files


def restore(source: BinaryIO, folder: Path) -> Restored:
    """Makes a cloud's folder of a backup. Raises ConfigError where there is one already, Corrupt for a damaged file."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty: a backup replaces nothing; move what is there away first")
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        head, files = _unpack(source, fresh)
        number = _go_on(fresh)
        if folder.exists():
            folder.rmdir()
        os.replace(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return Restored(head["made_s"], files, number)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not path.is_symlink() and not LEFT_OUT & set(parts) and not _is_database(path):
            yield path


def _is_database(path: Path) -> bool:
    return path.name.startswith(DATABASE)  # and its log


def _copy_database(path: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as had,
        closing(sqlite3.connect(copy)) as made,
    ):
        had.backup(made)


def _add(tar: tarfile.TarFile, name: str, data: bytes, sums: list[str]) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o600
    tar.addfile(entry, io.BytesIO(data))
    sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")


def _unpack(source: BinaryIO, folder: Path) -> tuple[dict[str, float], int]:
    """Every file with its mode; nothing outside the folder, and every digest as the last entry says."""
    sums, said, head = list[str](), None, None
    try:
        with tarfile.open(fileobj=source, mode="r|") as tar:
            for entry in tar:
                where = PurePosixPath(entry.name)
                data = tar.extractfile(entry) if entry.isreg() else None
                if data is None or where.is_absolute() or ".." in where.parts:
                    raise Corrupt(f"{entry.name!r} is no file of a backup; give one that `ganglion cloud backup` made")
                raw = data.read()
                if entry.name == SUMS:
                    said = raw.decode()
                    continue
                sums.append(f"{hashlib.sha256(raw).hexdigest()}  {entry.name}\n")
                if entry.name == HEAD:
                    head = msgspec.json.decode(raw, type=dict[str, float])
                    continue
                path = folder / where
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                path.touch(mode=0o600)
                path.write_bytes(raw)
    except (tarfile.TarError, EOFError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"this is no whole backup: {error}; take another copy of it") from error
    if head is None or said != "".join(sums) or not (folder / CA_KEY).exists():
        raise Corrupt("the backup is damaged or not whole: its digests do not agree; take another copy of it")
    if head.get("format") != FORMAT:
        raise Corrupt(f"the backup has format {head.get('format')}, this ganglion reads {FORMAT}; upgrade it")
    return head, len(sums) - 1


def _go_on(folder: Path) -> int:
    """Above everything that nodes may have seen since the backup; the number of the next release."""
    leap(folder, GAP)
    with changing_members(folder) as members:
        members.version += GAP
    database = folder / STATE / DATABASE
    if not database.exists():
        return 1
    disk = WorkerDisk(folder / STATE, LocalVault(folder))
    number = next_number(disk, make_codec()) + GAP
    with closing(sqlite3.connect(database)) as rows:
        if rows.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise Corrupt("the backup's rows are another program's; take another copy of it")
        rows.execute("UPDATE facts SET value = ? WHERE name = 'incarnation'", (secrets.token_hex(16),))
        rows.execute("INSERT INTO rows (tbl, key, data) VALUES (?, ?, x'')", (LEAST, str(number)))
        rows.commit()
    return number
