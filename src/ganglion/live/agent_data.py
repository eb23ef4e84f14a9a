"""What a node senses on this machine: readings of a device's sources, and labels that an edge's site really has."""

from __future__ import annotations

from collections.abc import Mapping
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
SEED, SHARE = "seed", "share"  # no source is called so: those have a slash


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


def write_labels(folder: Path, truth: Mapping[str, NDArray[np.int64]], seed: int, share: float) -> None:
    """Gives an edge its on-site source of labels: classes by "device/source" and row, and the share it labels."""
    arrays: dict[str, NDArray[np.generic]] = {source: np.asarray(y, np.int64) for source, y in truth.items()}
    declared: dict[str, NDArray[np.generic]] = {SEED: np.array([seed], np.int64), SHARE: np.array([share], np.float64)}
    write(folder / LABELS, arrays_to_bytes({**arrays, **declared}), secret=True)


def read_labels(folder: Path) -> Labels | None:
    """An edge's on-site source of labels; None where it has none. It says nothing of samples that it does not label."""
    path = folder / LABELS
    if not path.exists():
        return None
    arrays = arrays_of_bytes(path.read_bytes())
    seed, share = int(arrays.pop(SEED)[0]), float(arrays.pop(SHARE)[0])

    def label(sample: str) -> int | None:
        source, _, number = sample.rpartition("/")
        known = arrays.get(source)
        if known is None or not len(known) or not number.isdecimal() or not is_labelled(seed, sample, share):
            return None
        return int(known[int(number) % len(known)])

    return label
