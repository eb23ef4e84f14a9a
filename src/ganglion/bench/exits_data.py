"""The samples of the benches of exits, each data set in three parts: to learn from, held out, and to judge by."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NotFound
from ..core.rng import stream
from ..demo.project.files import read_cifar10, read_digits, read_mnist

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]
TESTS = {"mnist": slice(60_000, 70_000), "cifar10": slice(0, 5_000)}  # the published test sets, in the files' order
HELD = {"mnist": 10_000, "cifar10": 2_000, "digits": 500, "digits32": 500}


@dataclass(frozen=True, eq=False)
class Part:
    """Pictures [n, channels, height, width] as bytes, and labels [n]."""

    pixels: Pixels
    y: Labels

    @property
    def x(self) -> NDArray[np.float32]:
        """As a network wants them, in [0, 1]."""
        return self.pixels.astype(np.float32) * np.float32(1 / 255)

    def take(self, rows: NDArray[np.integer] | slice) -> Part:
        """Some of them."""
        return Part(self.pixels[rows], self.y[rows])


@dataclass(frozen=True, eq=False)
class Parts:
    """Three parts without a common picture."""

    train: Part
    held: Part  # for temperatures and thresholds
    test: Part


def folder() -> Path:
    """Where larger data sets are. Raises NotFound where none is named."""
    named = os.environ.get("GANGLION_DATA")
    if not named:
        raise NotFound("GANGLION_DATA is not set: MNIST and CIFAR-10 are read from that folder; set it, or use --quick")
    return Path(named)


def parts(name: str, seed: int) -> Parts:
    """One data set; the seed decides what is held out of the training part, and of the digits also what is for tests.

    Raises NotFound where its files are not there.
    """
    if name.startswith("digits"):
        x, y = read_digits()
        x = _as_photographs(x) if name == "digits32" else _as_mnist(x)
        order = stream(seed, "exits", "digits").permutation(len(y))
        test, rest = order[:500], order[500:]
    else:
        x, y = read_mnist(folder()) if name == "mnist" else read_cifar10(folder())
        every = np.arange(len(y))
        test = every[TESTS[name]]
        rest = np.setdiff1d(every, test)
        rest = rest[stream(seed, "exits", name).permutation(len(rest))]
    whole = Part(x, y)
    return Parts(whole.take(rest[HELD[name] :]), whole.take(rest[: HELD[name]]), whole.take(test))


def _as_mnist(x: Pixels) -> Pixels:
    """8 x 8 to 28 x 28, each pixel as nine and a border."""
    return np.pad(np.kron(x, np.ones((3, 3), np.uint8)), ((0, 0), (0, 0), (2, 2), (2, 2)))


def _as_photographs(x: Pixels) -> Pixels:
    """8 x 8 grey to 32 x 32 in three colours."""
    return np.repeat(np.kron(x, np.ones((4, 4), np.uint8)), 3, axis=1)
