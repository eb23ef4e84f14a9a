"""How a world may change: ink and paper swapped, a camera knocked askew, or a noisy sensor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.rng import stream
from .data import from_bytes, to_bytes

KINDS = ("inversion", "rotation", "noise")
ROTATION_DEGREES = 30.0
NOISE = 0.35  # standard deviation, of pixels in [0, 1]

Pixels = NDArray[np.float32]


def drift(x: Pixels, kind: str, seed: int = 0) -> Pixels:
    """Pictures [n, channels, height, width] in [0, 1] after the change, still in [0, 1] and exact as bytes.

    Raises ConfigError for an unknown kind.
    """
    match kind:
        case "inversion":
            changed = 1 - x
        case "rotation":
            changed = rotate(x, ROTATION_DEGREES)
        case "noise":
            changed = x + stream(seed, "noise").normal(0, NOISE, x.shape).astype(np.float32)
        case _:
            raise ConfigError(f"no drift {kind!r}; choose one of {', '.join(KINDS)}")
    return from_bytes(to_bytes(changed))


def rotate(x: Pixels, degrees: float) -> Pixels:
    """Turns pictures [..., height, width] counter-clockwise about their centre, bilinearly; outside is 0."""
    height, width = x.shape[-2:]
    angle = np.deg2rad(degrees)
    row, column = np.mgrid[:height, :width].astype(np.float64)
    row, column = row - (height - 1) / 2, column - (width - 1) / 2
    from_row = np.cos(angle) * row + np.sin(angle) * column + (height - 1) / 2
    from_column = np.cos(angle) * column - np.sin(angle) * row + (width - 1) / 2
    top, left = np.floor(from_row).astype(int), np.floor(from_column).astype(int)
    down, right = from_row - top, from_column - left
    framed = np.pad(x, [(0, 0)] * (x.ndim - 2) + [(1, 1), (1, 1)])
    turned = np.zeros_like(x)
    for step_row, weight_row in ((0, 1 - down), (1, down)):
        for step_column, weight_column in ((0, 1 - right), (1, right)):
            rows = np.clip(top + step_row + 1, 0, height + 1)
            columns = np.clip(left + step_column + 1, 0, width + 1)
            turned += framed[..., rows, columns] * (weight_row * weight_column).astype(np.float32)
    return turned
