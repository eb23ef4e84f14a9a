"""What pictures cost when they are sent instead: JPEG and WebP without what every picture's head repeats."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NotFound

Pixels = NDArray[np.uint8]
QUALITIES = (95, 75, 50, 35, 25, 18, 12, 8, 5)
WEBP_HEAD_BYTES = 20  # RIFF and the chunk's own: the same for every picture but for its length


@dataclass(frozen=True, eq=False)
class Coded:
    """Pictures after coding at one quality."""

    how: str
    mean_bytes: float  # per picture, without heads
    pixels: Pixels  # as the receiver sees them


def coded(pixels: Pixels, form: str, quality: int) -> Coded:
    """Pictures [n, 3, height, width] coded one by one. Raises NotFound without Pillow."""
    try:
        from PIL import Image
    except ImportError as error:
        raise NotFound("coding pictures takes Pillow, which is not here; install ganglion[train]") from error
    sizes, seen = [], []
    for one in pixels:
        held = io.BytesIO()
        Image.fromarray(one.transpose(1, 2, 0)).save(held, form, quality=quality, optimize=True)
        raw = held.getvalue()
        sizes.append(scan_bytes(raw) if form == "JPEG" else len(raw) - WEBP_HEAD_BYTES)
        with Image.open(io.BytesIO(raw)) as picture:
            seen.append(np.asarray(picture.convert("RGB"), np.uint8).transpose(2, 0, 1))
    return Coded(f"{form} {quality}", float(np.mean(sizes)), np.stack(seen))


def scan_bytes(raw: bytes) -> int:
    """Of a baseline JPEG, the bytes of its coefficients alone: no tables, no headers, no end marker.

    Both sides must then know the tables, which is fair only where they are the same for all; with `optimize` each
    picture has its own, so this flatters JPEG. Source: ITU-T T.81, annex B.
    """
    at = 2
    while raw[at + 1] != 0xDA:  # start of scan
        at += 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    start = at + 2 + int.from_bytes(raw[at + 2 : at + 4], "big")
    return len(raw) - start - 2
