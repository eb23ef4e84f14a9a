"""Blobs as files named by the digest of their plain bytes; sealed above the public tier, verified when read.

A blob appears whole or not at all: written aside, synced, renamed, folder synced. Several processes may use one folder;
only the node itself patches.
"""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from ...core.errors import Corrupt, NotFound, ProtocolError
from ...core.label import Label, Tier
from ...core.ports import Vault
from ...core.ref import Ref
from .forms import FileForm, Plain, Sealed, label_in
from .listing import ARRIVING, BLOBS, turn
from .space import disk_errors_named, sync_folder

DIGEST = re.compile(r"[0-9a-f]{64}")
Print = tuple[int, int, int]  # what changes when a file does: inode, size, time of the last write


class LiveBlobs:
    """Blobs under `folder`/blobs; what is still arriving waits in `folder`/arriving, sealed if the blob will be."""

    def __init__(self, folder: Path, vault: Vault | None) -> None:
        self._whole = folder / BLOBS
        self._arriving = folder / ARRIVING
        self._plain: FileForm = Plain()
        self._sealed: FileForm = Sealed(vault)
        self._verified: dict[Path, Print] = {}
        self._held: dict[Path, tuple[int, int]] = {}  # of an arriving file: its size, and whole plain bytes in it
        for made in (self._whole, self._arriving):
            made.mkdir(parents=True, exist_ok=True, mode=0o700)
        sync_folder(folder)

    def sweep(self) -> None:
        """Removes what a killed process left half written. For the node alone, before its worker starts."""
        for left in self._arriving.glob("*.new"):
            left.unlink(missing_ok=True)

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Keeps bytes under their digest. Raises GanglionError when the disk is full, Refused without a vault."""
        form = self._form(label)
        seen, size_bytes = sha256(), 0
        aside = self._arriving / f"{uuid.uuid4().hex}.new"
        try:
            with disk_errors_named(self._whole):
                with open(aside, "x+b", opener=_private) as file:
                    form.append(file, memoryview(b""), label)
                    for chunk in chunks:
                        data = _flat(chunk)
                        seen.update(data)
                        size_bytes += len(data)
                        form.append(file, data, label)
                    _sync(file)
                self._settle(aside, seen.hexdigest(), label)
        finally:
            aside.unlink(missing_ok=True)
        return Ref(seen.hexdigest(), size_bytes, label)

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of a blob, or of a part of it. Raises NotFound, or Corrupt when they are not what the digest says."""
        path, form = self._find(ref.digest)
        form.check()
        try:
            with disk_errors_named(path), open(path, "rb") as file:
                if start == 0 and (size is None or size >= ref.size_bytes):
                    whole = b"".join(form.read(file, 0, None))
                    if sha256(whole).hexdigest() != ref.digest:
                        raise Corrupt("its bytes do not have that digest")
                    return whole[:size]
                if self._verified.get(path) != _print_of(file):
                    self._verify(file, form, ref.digest, path)
                return b"".join(form.read(file, start, size))
        except Corrupt as error:
            raise self._set_aside(path, str(error)) from error

    def has(self, ref: Ref) -> bool:
        """Whether the whole blob is here."""
        return any(path.exists() for path, _ in self._places(ref.digest))

    def label(self, ref: Ref) -> Label:
        """Under which a blob is kept here; a public one is kept without its form. Raises NotFound."""
        path, form = self._find(ref.digest)
        if form is self._plain:
            return Label(Tier.PUBLIC, ref.label.form)
        with disk_errors_named(path), open(path, "rb") as file:
            return label_in(file)

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """Adds bytes at `start`; what would leave a gap is left out, what is there stays. Bytes held so far.

        Raises Corrupt, and forgets them, when all bytes are there and do not have the digest. A part is not synced
        before it is whole: after a power loss some of it may have to be fetched again.
        """
        if not DIGEST.fullmatch(ref.digest):
            raise ProtocolError(f"a blob is named by 64 hex digits, got {ref.digest[:80]!r}; such bytes are not stored")
        form = self._form(ref.label)
        if self.has(ref):
            self._seal_again(ref)
            return ref.size_bytes
        path = self._arriving / (ref.digest + form.suffix)
        with disk_errors_named(self._whole), open(path, "r+b", opener=_private) as file:
            held = self._add(path, file, form, (start, _flat(data)), ref.label)
            if held < ref.size_bytes:
                return held
            try:
                self._verify(file, form, ref.digest, self._whole / ref.digest[:2] / path.name)
            except Corrupt:
                self._forget(path)
                raise Corrupt(
                    f"blob {ref.digest[:12]} arrived damaged or longer than its {ref.size_bytes} bytes; "
                    "it was thrown away, fetch it again"
                ) from None
            _sync(file)
            self._held.pop(path, None)
            self._settle(path, ref.digest, ref.label)
        return ref.size_bytes

    def drop(self, ref: Ref) -> None:
        """Forgets a blob, and what has arrived of it."""
        for path, form in self._places(ref.digest):
            self._verified.pop(path, None)
            path.unlink(missing_ok=True)
            self._forget(self._arriving / (ref.digest + form.suffix))

    def _add(self, path: Path, file: BinaryIO, form: FileForm, piece: tuple[int, memoryview], label: Label) -> int:
        start, data = piece
        size_bytes, held = self._held.get(path, (-1, 0))
        if size_bytes != os.fstat(file.fileno()).st_size:
            held, size_bytes = form.held_bytes(file)
            file.truncate(size_bytes)  # a torn frame of a killed process
            if size_bytes == 0:
                form.append(file, memoryview(b""), label)
        if start <= held < start + len(data):
            try:
                form.append(file, data[held - start :], label)
                file.flush()
            except OSError:
                file.truncate(size_bytes)
                raise
            held = start + len(data)
        self._held[path] = (os.fstat(file.fileno()).st_size, held)
        return held

    def _settle(self, aside: Path, digest: str, label: Label) -> None:
        """Gives a synced file its name, unless the blob is there under at least as high a tier."""
        with turn(self._whole.parent):
            self._place(aside, digest, label)

    def _place(self, aside: Path, digest: str, label: Label) -> None:
        plain, sealed = (path for path, _ in self._places(digest))
        target = sealed if label.tier > Tier.PUBLIC else plain
        sealed_under = _tier_of(sealed)
        if (target is plain and plain.exists()) or (sealed_under is not None and sealed_under >= label.tier):
            aside.unlink()
            os.utime(target if target.exists() else sealed)  # somebody wants it again: no garbage for a while
            return
        if not target.parent.exists():
            target.parent.mkdir(exist_ok=True, mode=0o700)
            sync_folder(self._whole)
        os.replace(aside, target)
        if target is sealed:
            plain.unlink(missing_ok=True)
        sync_folder(target.parent)

    def _seal_again(self, ref: Ref) -> None:
        """What was stored as public and is now known to be private is sealed."""
        if ref.label.tier > Tier.PUBLIC and not self._places(ref.digest)[1][0].exists():
            self.put([self.get(ref)], ref.label)

    def _verify(self, file: BinaryIO, form: FileForm, digest: str, path: Path) -> None:
        seen = sha256()
        for piece in form.read(file, 0, None):
            seen.update(piece)
        if seen.hexdigest() != digest:
            raise Corrupt("its bytes do not have that digest")
        self._verified[path] = _print_of(file)

    def _set_aside(self, path: Path, why: str) -> Corrupt:
        """Takes a damaged blob out of the way, so that it counts as absent and can be fetched again."""
        damaged = path.with_name(path.name + ".damaged")
        with suppress(FileNotFoundError):
            os.replace(path, damaged)
        return Corrupt(f"{path} is damaged ({why}); it was set aside as {damaged.name}: fetch or make the blob again")

    def _find(self, digest: str) -> tuple[Path, FileForm]:
        for path, form in reversed(self._places(digest)):
            if path.exists():
                return path, form
        raise _absent(digest)

    def _places(self, digest: str) -> tuple[tuple[Path, FileForm], ...]:
        """Where a blob is if it is here: plain, then sealed; nowhere for what is no digest."""
        if not DIGEST.fullmatch(digest):
            return ()
        folder = self._whole / digest[:2]
        return tuple((folder / (digest + form.suffix), form) for form in (self._plain, self._sealed))

    def _form(self, label: Label) -> FileForm:
        return self._sealed if label.tier > Tier.PUBLIC else self._plain

    def _forget(self, path: Path) -> None:
        self._held.pop(path, None)
        path.unlink(missing_ok=True)


def _absent(digest: str) -> NotFound:
    return NotFound(f"blob {digest[:12]} is not on this disk; fetch it first")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o600)


def _flat(data: bytes | memoryview) -> memoryview:
    view = memoryview(data)
    return view.cast("B") if view.nbytes else memoryview(b"")


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _print_of(file: BinaryIO) -> Print:
    seen = os.fstat(file.fileno())
    return seen.st_ino, seen.st_size, seen.st_mtime_ns


def _tier_of(path: Path) -> Tier | None:
    """What a sealed file was sealed under; None where it is absent or damaged."""
    try:
        with open(path, "rb") as file:
            return label_in(file).tier
    except (FileNotFoundError, Corrupt):
        return None
