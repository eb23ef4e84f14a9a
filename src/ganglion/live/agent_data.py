"""What a node senses on this machine: readings of a device's sources, and labels that an edge's site really has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.blob import arrays_of_bytes, arrays_to_bytes
from ..core.errors import NotFound
from ..core.label import Tier
from ..core.rng import stream
from ..node.tools import Labels, Sensor
from .identity.files import write

SOURCES, LABELS = "sources.safetensors", "labels.safetensors"
UNLABELLED = -1
AHEAD = 4096  # readings of a source that a label file covers at least; later ones go unlabelled
LAPS = 4  # times that it covers the whole source at least


class Readings(Protocol):
    """A source as the one who sets the fleet up knows it."""

    @property
    def x(self) -> NDArray[Any]: ...  # [n, ...] uint8 or float32
    @property
    def y(self) -> NDArray[np.int64]: ...  # [n]; never given to a device
    @property
    def tiers(self) -> NDArray[np.int64]: ...  # [n]


def write_sources(folder: Path, sources: Mapping[str, Readings]) -> None:
    """Gives a device what its sensor reads: samples and tiers, no labels."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for name, source in sources.items():
        arrays[f"{name}/x"] = source.x
        arrays[f"{name}/tiers"] = np.asarray(source.tiers, np.int64)
    write(folder / SOURCES, arrays_to_bytes(arrays), secret=True)


def read_sensor(folder: Path) -> Sensor | None:
    """A sensor over a device's file; None where there is none. Reading n of a source is row n, over and over."""
    path = folder / SOURCES
    if not path.exists():
        return None
    arrays = arrays_of_bytes(path.read_bytes())

    def sense(source: str, number: int) -> tuple[NDArray[Any], Tier]:
        if f"{source}/x" not in arrays:
            known = sorted(name.removesuffix("/x") for name in arrays if name.endswith("/x"))
            raise NotFound(f"this device has no source {source!r}; it has {known}")
        x = arrays[f"{source}/x"]
        row = number % len(x)
        return x[row], Tier(int(arrays[f"{source}/tiers"][row]))

    return sense


def is_labelled(seed: int, sample: str, share: float) -> bool:
    """Whether an on-site source that labels a share of samples labels this one; the same in both worlds."""
    return float(stream(seed, "label", sample).random()) < share


def write_labels(folder: Path, truth: Mapping[str, NDArray[np.int64]], chosen: Callable[[str], bool]) -> None:
    """Gives an edge the labels of its site, by "device/source" and number, for chosen samples and no others."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for source, y in truth.items():
        count = max(AHEAD, LAPS * len(y))
        picked = np.array([chosen(f"{source}/{number}") for number in range(count)], bool)
        arrays[source] = np.where(picked, np.resize(np.asarray(y, np.int64), count), UNLABELLED)
    write(folder / LABELS, arrays_to_bytes(arrays), secret=True)


def read_labels(folder: Path) -> Labels | None:
    """An edge's on-site source of labels; None where it has none."""
    path = folder / LABELS
    if not path.exists():
        return None
    arrays = {name: array.tolist() for name, array in arrays_of_bytes(path.read_bytes()).items()}

    def label(sample: str) -> int | None:
        source, _, number = sample.rpartition("/")
        known = arrays.get(source, [])
        y = known[int(number)] if number.isdecimal() and int(number) < len(known) else UNLABELLED
        return None if y == UNLABELLED else int(y)

    return label
