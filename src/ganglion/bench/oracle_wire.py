"""What both halves of the oracle's bench say to each other over a plain socket: numbered frames of packed tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from numpy.typing import NDArray

from ..core.cut import Cut
from ..pack import Raw, codec, unpack
from .oracle_stages import as_numbers

HEAD = struct.Struct("<iI")  # number of the arm, how many blobs follow
SIZE = struct.Struct("<Q")
TIMES = struct.Struct("<dd")  # CPU and wall seconds of the far half
PROBE, FOLDER = -1, -2  # instead of an arm: answer at once; where the far half finds its parts
OPEN = -3  # and the arm's number: be ready for it
JPEG = "jpeg"


@dataclass(frozen=True)
class Arm:
    """One way to answer: a cut, and how its tensors are written. A JPEG is `jpeg_bytes` of noise for the whole net."""

    cut: Cut
    wire: str
    jpeg_bytes: int = 0


def frame(number: int, blobs: Sequence[bytes]) -> bytes:
    """As bytes."""
    return b"".join([HEAD.pack(number, len(blobs)), *(part for blob in blobs for part in (SIZE.pack(len(blob)), blob))])


def read_frame(reader: IO[bytes]) -> tuple[int, list[bytes]] | None:
    """The next one; None where the other half is gone."""
    head = reader.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    number, count = HEAD.unpack(head)
    return number, [reader.read(SIZE.unpack(reader.read(SIZE.size))[0]) for _ in range(count)]


def written(tensors: Mapping[str, NDArray[Any]], names: Sequence[str], wire: str) -> list[bytes]:
    """Tensors by a codec; pixels as they are."""
    return [(Raw() if tensors[name].dtype.kind == "u" else codec(wire)).encode(tensors[name]) for name in names]


def read_back(blobs: Sequence[bytes], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """The tensors, pixels as numbers."""
    return {name: as_numbers(unpack(blob)) for name, blob in zip(names, blobs, strict=True)}
