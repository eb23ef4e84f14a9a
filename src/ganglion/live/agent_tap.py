"""Every plaintext frame of a node in a file, as it was before encryption: for tests of privacy, never in service."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ..core.fleet import NodeId
from .wire.frame import Bytes

HEAD = struct.Struct("<HI")  # bytes of the peer's name, bytes of the frame


class Tap:
    """Appends frames to a file that its owner alone may read; each is in the file before it is on the wire."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def __enter__(self) -> Tap:
        self._file = open(self._path, "ab", 0, opener=lambda path, flags: os.open(path, flags, 0o600))
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def __call__(self, peer: NodeId, frame: Bytes) -> None:
        """One frame to or from a neighbour."""
        if self._file is not None and not self._file.closed:
            name = peer.encode()
            self._file.write(b"".join((HEAD.pack(len(name), len(frame)), name, frame)))


def tapped(path: Path) -> Iterator[tuple[NodeId, bytes]]:
    """What a tap has written, in order; a frame that was cut short by the node's end is left out."""
    raw = memoryview(path.read_bytes())
    start = 0
    while start + HEAD.size <= len(raw):
        name_bytes, frame_bytes = HEAD.unpack_from(raw, start)
        start += HEAD.size
        if start + name_bytes + frame_bytes > len(raw):
            return
        name = NodeId(bytes(raw[start : start + name_bytes]).decode())
        yield name, bytes(raw[start + name_bytes : start + name_bytes + frame_bytes])
        start += name_bytes + frame_bytes
