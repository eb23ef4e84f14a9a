"""What a model's input costs as JPEG at equal accuracy: what a plan is held against, for that is what people send now.

The bytes are those of whole files, as they would be sent.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..pack import Effect

QUALITIES = (35, 50, 75, 90, 95)
EQUAL = 0.005  # of accuracy: a coding that loses no more counts as equal
LEAST_PIXELS = 64
Array = NDArray[Any]


def jpeg(cut: str, x: Array, exact: float, score: Callable[[Array], float]) -> Effect | None:
    """The lowest quality whose accuracy equals `exact`, else the highest; `score` runs the model on samples.

    None where samples are no pictures [n, 1 or 3, height, width], or Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        return None
    if x.ndim != 4 or x.shape[1] not in (1, 3) or x.shape[2] * x.shape[3] < LEAST_PIXELS or x.dtype.kind != "f":
        return None
    low, high = float(x.min()), float(x.max())
    scale = (high - low) / 255.0 or 1.0
    pixels = np.rint((x - low) / scale).astype(np.uint8).transpose(0, 2, 3, 1)
    found = None
    for quality in QUALITIES:
        sizes, seen = [], []
        for one in pixels:
            held = io.BytesIO()
            Image.fromarray(one[..., 0] if one.shape[-1] == 1 else one).save(held, "JPEG", quality=quality)
            sizes.append(len(held.getvalue()))
            with Image.open(held) as picture:
                seen.append(np.asarray(picture).reshape(one.shape))
        again = np.stack(seen).transpose(0, 3, 1, 2).astype(x.dtype) * scale + low
        accuracy = score(again.astype(x.dtype))
        found = Effect(cut, f"jpeg-{quality}", accuracy, exact - accuracy, float(np.mean(sizes)))
        if found.loss <= EQUAL:
            break
    return found
