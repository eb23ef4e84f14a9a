"""Pictures as JPEG and WebP: real ones, at the least quality at which a trained network is as right as without.

The networks that are cut have random weights, so equal accuracy is found by one that was trained on the same pictures.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.rng import stream
from ..demo.project.files import read_cifar10
from .kept import Kept

READS = ("engine/onnx", "engine/torch", "demo/project")
FORMS = ("JPEG", "WEBP")
QUALITIES = (25, 35, 50, 75, 90, 95)
EQUAL = 0.01  # of accuracy: a coding that loses no more counts as equal, as in the bench `tiers`
SCORED = 2_000  # test pictures
DRAWN = 3  # pictures of a network's size whose bytes are averaged
DECLARED_HEAD_BYTES, DECLARED_PIXEL_BYTES = 600, 0.4  # without the data: a photograph of quality about 85
TEST = 5_000  # pictures at the data set's beginning that no network learns from
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Coding:
    """How pictures are sent that no network has seen, and why so."""

    form: str
    quality: int
    told: str  # where it comes from


@dataclass(frozen=True)
class Coded:
    """A picture of some size as a file: the smaller of both forms."""

    size_bytes: int
    how: str


def coded(height: int, width: int, seed: int) -> Coded:
    """A picture of that size. Without GANGLION_DATA its bytes are declared, not measured."""
    if not os.environ.get("GANGLION_DATA"):
        return Coded(round(DECLARED_HEAD_BYTES + DECLARED_PIXEL_BYTES * height * width), "declared")
    found = []
    for coding in codings(seed):
        sizes = [
            len(encoded(mosaic(height, width, stream(seed, "mosaic", at)), coding.form, coding.quality))
            for at in range(DRAWN)
        ]
        found.append(Coded(round(float(np.mean(sizes))), f"{coding.form} {coding.quality}"))
    return min(found, key=lambda one: one.size_bytes)


def mosaic(height: int, width: int, rng: np.random.Generator) -> Pixels:
    """Test pictures of 32 x 32 side by side, cut to [height, width, 3]."""
    pictures, _ = _test()
    rows, columns = -(-height // 32), -(-width // 32)
    drawn = pictures[rng.choice(len(pictures), rows * columns, replace=rows * columns > len(pictures))]
    tiles = drawn.transpose(0, 2, 3, 1).reshape(rows, columns, 32, 32, 3)
    return np.ascontiguousarray(tiles.transpose(0, 2, 1, 3, 4).reshape(rows * 32, columns * 32, 3)[:height, :width])


def encoded(pixels: Pixels, form: str, quality: int) -> bytes:
    """One picture as a whole file, with everything that a sender may do to make it small."""
    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(pixels).save(held, form, quality=quality, **({"optimize": True} if form == "JPEG" else {}))
    return held.getvalue()


def decoded(raw: bytes) -> Pixels:
    """As the receiver sees it."""
    from PIL import Image

    with Image.open(io.BytesIO(raw)) as picture:
        return np.asarray(picture.convert("RGB"), np.uint8)


def sources(seed: int) -> list[dict[str, str]]:
    """What a JPEG or WebP stands for in the columns of `cloud_jpeg`, as rows."""
    if not os.environ.get("GANGLION_DATA"):
        return [{"what": "GANGLION_DATA is not set: the bytes of pictures as JPEG are declared, not measured"}]
    why = "the smaller of two codings of CIFAR-10-JPEG that cost a trained network at most 0.01 of its accuracy"
    return [{"what": f"cloud_jpeg: {why}: {one.form} {one.quality}, {one.told}"} for one in codings(seed)]


@cache
def codings(seed: int) -> tuple[Coding, ...]:
    """For each form the least quality at which the trained network is as right as on the pictures themselves."""
    kept = Kept("oracle_pictures", seed, READS)
    found = kept.get("codings")
    if found is None:
        found = {"codings": [asdict(one) for one in _codings(seed)]}
        kept.put("codings", found)
    return tuple(Coding(**one) for one in found["codings"])


def _codings(seed: int) -> Iterator[Coding]:
    from .exits import ALEXNET
    from .exits_data import parts
    from .exits_nets import trained

    train = parts("cifar10", seed).train
    module = trained(ALEXNET, train.x, train.y, seed).eval()
    pictures, labels = _test()
    order = stream(seed, "scored").permutation(len(labels))[:SCORED]
    pictures, labels = pictures[order], labels[order]
    exact = _accuracy(module, pictures, labels)
    for form in FORMS:
        for quality in QUALITIES:
            again = np.stack([decoded(encoded(one.transpose(1, 2, 0), form, quality)) for one in pictures])
            share = _accuracy(module, again.transpose(0, 3, 1, 2), labels)
            if share >= exact - EQUAL or quality == QUALITIES[-1]:
                yield Coding(form, quality, f"{share:.3f} right, {exact:.3f} on the pictures themselves")
                break


def _accuracy(module: Any, pictures: Pixels, labels: NDArray[np.int64]) -> float:
    from ..engine.torch.branch_fit import answers

    said = answers(module, pictures.astype(np.float32) * np.float32(1 / 255))[-1]
    return float((said.argmax(-1) == labels).mean())


@cache
def _test() -> tuple[Pixels, NDArray[np.int64]]:
    pictures, labels = read_cifar10(Path(os.environ["GANGLION_DATA"]))
    return pictures[:TEST], labels[:TEST]
