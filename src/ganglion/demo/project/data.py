"""The demo's data sets, split into what the cloud may see, what two sites see, and what nobody learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError, NotFound
from ...core.label import Tier
from ...core.rng import stream
from ...core.sample import Examples
from .files import read_cifar10, read_digits, read_mnist

SCALE = 1 / 255  # of a pixel sent as a byte
Images = tuple[NDArray[np.uint8], NDArray[np.int64]]  # [n, channels, height, width] and [n]


@dataclass(frozen=True)
class Sizes:
    """How many images each part gets; the test part gets what is left, at most `test`."""

    train: int
    calibration: int
    site: int
    test: int


SIZES = {
    "digits": Sizes(600, 200, 300, 397),
    "mnist": Sizes(6000, 1000, 1000, 4000),
    "cifar10": Sizes(8000, 1000, 1000, 4000),
}


@dataclass(frozen=True, eq=False)
class Split:
    """Five parts without a common image. Training, calibration and test are public, a site's own are edge-private."""

    train: Examples
    calibration: Examples
    site_a: Examples
    site_b: Examples
    test: Examples  # never streamed, never trained on


def split(name: str, data_dir: Path | None = None, seed: int = 0) -> Split:
    """One data set in five parts; the seed decides which image goes where.

    Raises NotFound for an unknown data set or one whose files are not there, Corrupt for files that are not the
    published ones, ConfigError where a folder is needed and none is given.
    """
    x, y = _images(name, data_dir)
    order = stream(seed, "split", name).permutation(len(y))
    sizes = SIZES[name]
    parts, start = [], 0
    for count, tier in (
        (sizes.train, Tier.PUBLIC),
        (sizes.calibration, Tier.PUBLIC),
        (sizes.site, Tier.EDGE),
        (sizes.site, Tier.EDGE),
        (sizes.test, Tier.PUBLIC),
    ):
        rows = order[start : start + count]
        parts.append(Examples(from_bytes(x[rows]), y[rows], tier))
        start += count
    return Split(*parts)


def from_bytes(x: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels as a model wants them, in [0, 1]."""
    return x.astype(np.float32) * np.float32(SCALE)


def to_bytes(x: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Pixels as a sensor gives them: the inverse of `from_bytes`."""
    return np.asarray(np.rint(np.clip(x, 0, 1) * np.float32(255)), np.uint8)


def _images(name: str, data_dir: Path | None) -> Images:
    if name == "digits":
        return read_digits()
    if name not in SIZES:
        raise NotFound(f"no data set {name!r}; there are {sorted(SIZES)}")
    if data_dir is None:
        raise ConfigError(f"data set {name!r} is not bundled; give the folder that holds its files as --data-dir")
    return read_mnist(data_dir) if name == "mnist" else read_cifar10(data_dir)
