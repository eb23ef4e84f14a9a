"""Looks for private samples in what was captured just before encryption, and for public ones to see that it can."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.sample import to_input

STRIDE = 1 << 20  # captured bytes that are searched at once
MIX_A, MIX_B = (np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03))  # odd
BYTE_WINDOW, FLOAT_WINDOW = 16, 64  # bytes; either way 16 values, for 4 pixels as floats could be anybody's


@dataclass
class Capture:
    """Bytes seen on the edge-cloud links."""

    parts: list[bytes] = field(default_factory=list)

    def add(self, body: Any) -> None:
        """One plaintext frame."""
        self.parts.append(bytes(body))


def windows(raw: bytes, width: int) -> NDArray[np.uint8]:
    """So many bytes in a row, at every offset: [n, width]."""
    if len(raw) < width:
        return np.zeros((0, width), np.uint8)
    return np.lib.stride_tricks.sliding_window_view(np.frombuffer(raw, np.uint8), width)


def marks(found: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """A 64-bit mark per window [n, width] -> [n]; two windows share one by chance once in 10^19."""
    words = np.ascontiguousarray(found).view("<u8")  # [n, width / 8]
    mark = np.zeros(len(found), np.uint64)
    for word in words.T:
        mark = (mark ^ word) * MIX_A
        mark ^= mark >> np.uint64(29)
        mark += MIX_B
    return mark


@dataclass(frozen=True)
class Form:
    """One thing that a sample could look like on a wire."""

    raw: bytes
    width: int  # bytes in a row that are nobody else's
    step: int = 1  # from one such window to the next that is looked for


def forms(x: NDArray[Any], scale: float, activation: bytes) -> Iterable[Form]:
    """A sample as bytes, as floats, as PNG, and as the tensor at a cut."""
    raw = np.ascontiguousarray(x)
    if raw.dtype == np.uint8:
        yield Form(raw.tobytes(), BYTE_WINDOW)
        yield Form(png(raw), BYTE_WINDOW)
    yield Form(to_input(raw, scale).astype("<f4").tobytes(), FLOAT_WINDOW, FLOAT_WINDOW // 4)
    yield Form(activation, FLOAT_WINDOW, FLOAT_WINDOW // 4)


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
    """Windows that could be nobody else's: with many different bytes in them."""
    different = 1 + (np.diff(np.sort(found, axis=1), axis=1) != 0).sum(1)
    several: NDArray[np.bool_] = different >= found.shape[1] * 3 // 8
    return found[several]


def search(capture: Capture, samples: Iterable[Iterable[Form]]) -> tuple[int, int]:
    """How many distinctive windows the samples have in all their forms, and how many of them were captured."""
    needles: dict[int, set[bytes]] = {}  # by the mark of their first bytes
    for sample in samples:
        for form in sample:
            looked_for = distinctive(windows(form.raw, form.width)[:: form.step])
            for mark, window in zip(marks(looked_for[:, :BYTE_WINDOW]).tolist(), looked_for, strict=True):
                needles.setdefault(mark, set()).add(window.tobytes())
    wanted = np.sort(np.fromiter(needles, np.uint64, len(needles)))
    found: set[bytes] = set()
    joined = b"".join(capture.parts)
    for start in range(0, len(joined) if needles else 0, STRIDE):
        hay = marks(windows(joined[start : start + STRIDE + BYTE_WINDOW - 1], BYTE_WINDOW))
        for at in np.flatnonzero(wanted[np.searchsorted(wanted[:-1], hay)] == hay):
            here = start + int(at)
            found |= needles[int(hay[at])] & {joined[here : here + width] for width in (BYTE_WINDOW, FLOAT_WINDOW)}
    return sum(map(len, needles.values())), len(found)
