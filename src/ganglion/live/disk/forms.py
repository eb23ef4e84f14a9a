"""The two forms a blob's file may have: plain bytes, or frames that the node's vault has sealed.

A sealed file is 8 bytes (magic, tier, form), then frames of (plain size, sealed size, sealed bytes). Whoever writes
one may stop anywhere: a torn last frame is not counted.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ...core.errors import Corrupt, Refused
from ...core.label import Form, Label, Tier
from ...core.ports import Vault

FRAME_BYTES = 1 << 20  # most plain bytes in one frame, and in one read
MAGIC = b"GSEAL\x01"
HEADER_BYTES = len(MAGIC) + 2
SIZES = struct.Struct("<II")


class FileForm(Protocol):
    """How plain bytes lie in a file that is open for reading, or for reading and writing."""

    suffix: str

    def check(self) -> None:
        """Raises Refused where such files can be neither written nor read here."""
        ...

    def append(self, file: BinaryIO, data: memoryview, label: Label) -> None:
        """Adds bytes at the end."""
        ...

    def held_bytes(self, file: BinaryIO) -> tuple[int, int]:
        """How many plain bytes are whole, and at which place in the file they end."""
        ...

    def read(self, file: BinaryIO, start: int, size: int | None) -> Iterator[bytes]:
        """Plain bytes from `start` on, in pieces."""
        ...


class Plain:
    """The bytes as they are; for public data."""

    suffix = ""

    def check(self) -> None:
        """Always possible."""

    def append(self, file: BinaryIO, data: memoryview, label: Label) -> None:
        """Adds bytes at the end."""
        file.seek(0, os.SEEK_END)
        file.write(data)

    def held_bytes(self, file: BinaryIO) -> tuple[int, int]:
        """All there are."""
        size_bytes = file.seek(0, os.SEEK_END)
        return size_bytes, size_bytes

    def read(self, file: BinaryIO, start: int, size: int | None) -> Iterator[bytes]:
        """Bytes from `start` on, in pieces."""
        file.seek(start)
        left = size
        while left is None or left > 0:
            piece = file.read(FRAME_BYTES if left is None else min(left, FRAME_BYTES))
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece


@dataclass(frozen=True)
class Frame:
    """Where one frame's plain bytes belong, and where its sealed bytes are."""

    start: int
    size: int
    at: int
    sealed_size: int


class Sealed:
    """Frames that only this node's vault can open. The order of frames is proved by the blob's digest alone."""

    suffix = ".sealed"

    def __init__(self, vault: Vault | None) -> None:
        self._vault = vault

    def check(self) -> None:
        """Needs a vault."""
        self._keys()

    def append(self, file: BinaryIO, data: memoryview, label: Label) -> None:
        """Seals bytes and adds them at the end, under the label that the file began with."""
        vault = self._keys()
        if file.seek(0, os.SEEK_END) == 0:
            file.write(MAGIC + bytes((label.tier, label.form)))
        label = label_in(file)
        file.seek(0, os.SEEK_END)
        for start in range(0, len(data), FRAME_BYTES):
            piece = data[start : start + FRAME_BYTES]
            sealed = vault.seal(bytes(piece), label)
            file.write(SIZES.pack(len(piece), len(sealed)))
            file.write(sealed)

    def held_bytes(self, file: BinaryIO) -> tuple[int, int]:
        """What is in whole frames."""
        if file.seek(0, os.SEEK_END) < HEADER_BYTES:
            return 0, 0
        held, end = 0, HEADER_BYTES
        for frame in _frames(file):
            held, end = frame.start + frame.size, frame.at + frame.sealed_size
        return held, end

    def read(self, file: BinaryIO, start: int, size: int | None) -> Iterator[bytes]:
        """Opens the frames that hold what is wanted. Raises Corrupt or Refused as the vault does."""
        vault, label = self._keys(), label_in(file)
        stop = None if size is None else start + size
        for frame in _frames(file):
            if stop is not None and frame.start >= stop:
                return
            if frame.start + frame.size > start:
                file.seek(frame.at)
                plain = vault.open(file.read(frame.sealed_size), label)
                yield plain[max(start - frame.start, 0) : None if stop is None else stop - frame.start]

    def _keys(self) -> Vault:
        if self._vault is None:
            raise Refused("data above the public tier is sealed on disk, and this disk was opened without a vault")
        return self._vault


def label_in(file: BinaryIO) -> Label:
    """The label a sealed file began with. Raises Corrupt when it is none."""
    file.seek(0)
    header = file.read(HEADER_BYTES)
    try:
        if len(header) != HEADER_BYTES or not header.startswith(MAGIC):
            raise ValueError(f"it begins with {header!r}")
        return Label(Tier(header[-2]), Form(header[-1]))
    except ValueError as error:
        raise Corrupt(f"{getattr(file, 'name', 'a file')} is no sealed blob: {error}") from error


def _frames(file: BinaryIO) -> Iterator[Frame]:
    """The whole frames of a sealed file, in order."""
    end = file.seek(0, os.SEEK_END)
    start, at = 0, HEADER_BYTES
    while at + SIZES.size <= end:
        file.seek(at)
        size, sealed_size = SIZES.unpack(file.read(SIZES.size))
        at += SIZES.size
        if at + sealed_size > end:
            return
        yield Frame(start, size, at, sealed_size)
        start, at = start + size, at + sealed_size
