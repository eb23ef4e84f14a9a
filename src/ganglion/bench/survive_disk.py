"""SQLite's files on a disk that loses its power: what was not synced survives sector by sector, at random, or not.

A shim over SQLite's own file layer, put in by `ctypes`: the database code under test runs unchanged on top of it.
Source of the idea: SQLite's own crash tests (sqlite.org/testing.html, §3.3); here in the process that is tested.
"""

from __future__ import annotations

import _sqlite3
import ctypes as c
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from numpy.random import Generator

from ..core.errors import NotFound

SECTOR_BYTES = 512
NAME = b"ganglion-power"
OK = 0
_Open = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p, c.c_int, c.c_void_p)  # names stay where they are
_Delete = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_char_p, c.c_int)
_Write = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int, c.c_int64)
_Truncate = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int64)
_Sync = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int)


class _Vfs(c.Structure):
    _fields_: ClassVar[Any] = (
        [("version", c.c_int), ("file_bytes", c.c_int), ("path_bytes", c.c_int)]
        + [("next", c.c_void_p), ("name", c.c_char_p), ("data", c.c_void_p), ("open", _Open), ("delete", _Delete)]
        + [(f"rest_{place}", c.c_void_p) for place in range(14)]
    )


class _Methods(c.Structure):
    _fields_: ClassVar[Any] = (
        [("version", c.c_int), ("close", c.c_void_p), ("read", c.c_void_p), ("write", _Write)]
        + [("truncate", _Truncate), ("sync", _Sync)]
        + [(f"rest_{place}", c.c_void_p) for place in range(13)]
    )


@dataclass
class Image:
    """One file: as the processes see it, as it surely is on the platter, and the sectors that differ."""

    seen: bytearray
    synced: bytearray
    dirty: set[int] = field(default_factory=set)
    named: bool = True  # its name is on the platter too
    gone: bool = False

    def write(self, at: int, data: bytes) -> None:
        """Bytes that are not synced yet."""
        if at > len(self.seen):
            self.seen.extend(bytes(at - len(self.seen)))
        self.seen[at : at + len(data)] = data
        self.dirty.update(range(at // SECTOR_BYTES, (at + len(data) - 1) // SECTOR_BYTES + 1))

    def sync(self) -> None:
        """Everything seen is on the platter."""
        self.synced = bytearray(self.seen)
        self.dirty.clear()
        self.named = True

    def left(self, rng: Generator) -> bytes | None:
        """What is there after the power went; None: not even its name."""
        if (not self.named or self.gone) and rng.random() < 0.5:
            return None
        left = bytearray(self.synced)
        if len(self.seen) < len(left) and rng.random() < 0.5:
            del left[len(self.seen) :]
        for sector in sorted(self.dirty):
            if rng.random() < 0.5:
                at = sector * SECTOR_BYTES
                left.extend(bytes(max(at - len(left), 0)))
                left[at : at + SECTOR_BYTES] = self.seen[at : at + SECTOR_BYTES]
        return bytes(left)


class FailingDisk:
    """While the `with` block lasts, SQLite writes through this. Raises NotFound where its file layer is hidden."""

    def __init__(self) -> None:
        self.files: dict[str, Image] = {}
        self.image: dict[str, bytes] | None = None  # by path, once the power went
        self.acknowledged = -1  # by whoever writes: the last commit that it was told of
        self.at_cut = -1  # what that was when the power went
        self._left = -1  # operations until then
        self._rng: Generator | None = None
        self._open: dict[int, Image] = {}  # by SQLite's file
        self._kept: list[object] = []  # what C points to
        library = c.CDLL(_sqlite3.__file__)
        try:
            library.sqlite3_vfs_find.restype = c.POINTER(_Vfs)
            self._plain = library.sqlite3_vfs_find(None)
            self._register, self._unregister = library.sqlite3_vfs_register, library.sqlite3_vfs_unregister
        except AttributeError as error:
            raise NotFound(f"this Python hides SQLite's file layer: {error}; use one that links libsqlite3") from None
        self._shim = _Vfs.from_buffer_copy(self._plain.contents)
        self._shim.next, self._shim.name = None, NAME
        self._shim.open, self._shim.delete = _Open(self._opened), _Delete(self._deleted)

    def __enter__(self) -> FailingDisk:
        self._register(c.byref(self._shim), 1)
        return self

    def __exit__(self, *_: object) -> None:
        self._unregister(c.byref(self._shim))
        self._register(self._plain, 1)

    def begin(self, operations: int, rng: Generator) -> None:
        """A new life; its power goes after so many writes, syncs, truncations and deletions."""
        self.files.clear()
        self._open.clear()
        self._kept.clear()
        self.image, self._left, self._rng = None, operations, rng

    def _opened(self, vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = c.string_at(name).decode() if name else ""
        image = self.files.get(path)
        if image is None or image.gone:
            there = Path(path).exists() if path else False
            data = Path(path).read_bytes() if there else b""
            image = Image(bytearray(data), bytearray(data), named=there)
        answer: int = self._plain.contents.open(c.addressof(self._plain.contents), name, file, flags, out)
        if answer == OK and path:
            self.files[path] = self._open[file] = image
            self._wrap(file)
        return answer

    def _wrap(self, file: int) -> None:
        """Puts our writes before SQLite's own, for this one file."""
        slot = c.cast(file, c.POINTER(c.c_void_p))
        plain = _Methods.from_address(slot[0])
        mine = _Methods.from_buffer_copy(plain)
        mine.write = _Write(lambda one, data, size, at: self._wrote(plain, one, (data, size, at)))
        mine.truncate = _Truncate(lambda one, size: self._truncated(plain, one, size))
        mine.sync = _Sync(lambda one, flags: self._synced(one))
        self._kept += [mine, mine.write, mine.truncate, mine.sync]
        slot[0] = c.addressof(mine)

    def _wrote(self, plain: _Methods, file: int, what: tuple[int, int, int]) -> int:
        data, size, at = what
        answer: int = plain.write(file, data, size, at)
        self._open[file].write(at, c.string_at(data, size))
        self._tick()
        return answer

    def _truncated(self, plain: _Methods, file: int, size: int) -> int:
        answer: int = plain.truncate(file, size)
        image = self._open[file]
        del image.seen[size:]
        image.dirty = {sector for sector in image.dirty if sector * SECTOR_BYTES < size}
        self._tick()
        return answer

    def _synced(self, file: int) -> int:
        """The real disk is not bothered: this one stands for it."""
        self._tick()
        self._open[file].sync()
        return OK

    def _deleted(self, vfs: int, name: bytes, sync: int) -> int:
        answer: int = self._plain.contents.delete(c.addressof(self._plain.contents), name, sync)
        if (image := self.files.get(name.decode())) is not None:
            image.gone = True
        self._tick()
        return answer

    def _tick(self) -> None:
        self._left -= 1
        if self._left == 0 and self._rng is not None:
            left = {path: image.left(self._rng) for path, image in self.files.items()}
            self.image = {path: data for path, data in left.items() if data is not None}
            self.at_cut = self.acknowledged
