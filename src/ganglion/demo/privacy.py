"""Looks for private samples in what was captured just before encryption, and for public ones to see that it can."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.sample import to_input

WINDOW = 16  # bytes; two 64-bit words
MIX_A, MIX_B, MIX_C = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0xBF58476D1CE4E5B9))  # odd


@dataclass
class Capture:
    """Bytes seen on the edge-cloud links."""

    parts: list[bytes] = field(default_factory=list)

    def add(self, body: Any) -> None:
        """One plaintext frame."""
        self.parts.append(bytes(body))


def windows(raw: bytes) -> NDArray[np.uint8]:
    """Every 16 bytes in a row, at every offset: [n, 16]."""
    if len(raw) < WINDOW:
        return np.zeros((0, WINDOW), np.uint8)
    return np.lib.stride_tricks.sliding_window_view(np.frombuffer(raw, np.uint8), WINDOW)


def marks(found: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit mark per window [n, 16] -> [n]; two windows share one by chance once in 10^19."""
    words = np.ascontiguousarray(found).view("<u8").reshape(-1, 2)
    return np.asarray((words[:, 0] * MIX_A) ^ ((words[:, 1] + MIX_B) * MIX_C), np.uint64)


def forms(x: NDArray[Any], scale: float, activation: bytes) -> Iterable[bytes]:
    """What a sample could look like on a wire: bytes, floats, PNG, the tensor at a cut."""
    raw = np.ascontiguousarray(x)
    yield raw.tobytes()
    if raw.dtype == np.uint8:
        yield to_input(raw, scale).astype("<f4").tobytes()
        yield png(raw)
    if activation:
        yield activation


def png(x: NDArray[np.uint8]) -> bytes:
    """The compressed pixels of a sample as a PNG image; b"" where no encoder is installed."""
    try:
        from PIL import Image
    except ImportError:
        return b""
    image = x[0] if x.ndim == 3 and x.shape[0] == 1 else np.moveaxis(x, 0, -1) if x.ndim == 3 else x
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    whole = out.getvalue()
    start = whole.index(b"IDAT") + 6  # header, type and zlib's first two bytes are the same in every image
    return whole[start : whole.index(b"IEND") - 8]


def distinctive(found: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Windows that could be nobody else's: with at least eight different bytes in them."""
    different = 1 + (np.diff(np.sort(found, axis=1), axis=1) != 0).sum(1)
    return found[different >= WINDOW // 2]


def search(capture: Capture, samples: Iterable[Iterable[bytes]]) -> tuple[int, int]:
    """How many distinctive windows the samples have in all their forms, and how many of them were captured."""
    parts = [windows(form) for sample in samples for form in sample]
    if not parts:
        return 0, 0
    needles = np.unique(marks(distinctive(np.concatenate(parts))))
    found = np.zeros(len(needles), bool)
    for raw in capture.parts:
        found |= np.isin(needles, marks(windows(raw)))
    return len(needles), int(found.sum())
