"""A full disk, said clearly: where, how much is free, and what to do."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import GanglionError, NotFound


class WriteFailed(GanglionError):
    """Nothing was written; it may be tried again."""


FULL = (errno.ENOSPC, errno.EDQUOT)


def full_message(path: Path, then: str) -> str:
    """What to tell the operator; `then` says what became of the data."""
    try:
        free = f"{shutil.disk_usage(path).free} bytes free"
    except OSError:
        free = "free bytes unknown"
    return f"the disk under {path} is full ({free}): {then}; free some space there or move the node's folder"


@contextmanager
def disk_errors_named(path: Path) -> Iterator[None]:
    """Turns what the system says of a file into errors that name it and the remedy; NotFound for a missing file."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{error.filename or path} is not there; fetch or make it again") from error
    except ConnectionError:  # of whoever supplies the bytes, not of the disk
        raise
    except OSError as error:
        if error.errno in FULL:
            raise GanglionError(full_message(path, "the blob was not stored, what was there is intact")) from error
        raise GanglionError(f"{path}: {error}; check the medium and who may write there") from error


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
