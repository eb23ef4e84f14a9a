"""Examples from files: arrays, a table, or a folder per class; each with whose they are where that is recorded."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, NotFound
from ..core.label import Tier
from ..core.sample import Examples
from ..core.table import closest

PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True, eq=False)
class Told:
    """Examples, the names of their classes, and the number of each one's owner, or None where none is recorded."""

    examples: Examples
    classes: tuple[str, ...]
    owner: NDArray[np.int64] | None = None


def from_arrays(path: Path, tier: Tier = Tier.PUBLIC) -> Told:
    """An .npz file with x [n, ...] and y [n], perhaps owner [n]. uint8 becomes [0, 1].

    Raises NotFound, ConfigError for arrays that are no examples.
    """
    _there(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        x, y = arrays["x"], arrays["y"]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{path} holds no arrays x and y: {error}; write it with numpy.savez(path, x=x, y=y)"
        ) from error
    names, numbers = _numbered(y)
    owner = _numbered(arrays["owner"])[1] if "owner" in arrays else None
    return Told(_examples(_scaled(x), numbers, tier, path), names, owner)


def from_csv(path: Path, label: str, owner: str = "", tier: Tier = Tier.PUBLIC) -> Told:
    """A table with a line of heads: one column is the class, perhaps one the owner, all others are numbers.

    Raises NotFound, ConfigError for a column that is not there or a cell that is no number.
    """
    _there(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    heads = rows[0] if rows else []
    for wanted in filter(None, (label, owner)):
        if wanted not in heads:
            raise ConfigError(f"no column {wanted!r} in {path}: {closest(wanted, heads)}")
    used = [at for at, head in enumerate(heads) if head not in (label, owner)]
    try:
        x = np.array([[float(row[at]) for at in used] for row in rows[1:]], np.float32)
        y = [row[heads.index(label)] for row in rows[1:]]
        who = [row[heads.index(owner)] for row in rows[1:]] if owner else []
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{path} holds something that is no number: {error}; leave that column or row out") from error
    names, numbers = _numbered(np.array(y))
    return Told(_examples(x, numbers, tier, path), names, _numbered(np.array(who))[1] if owner else None)


def from_folder(path: Path, tier: Tier = Tier.PUBLIC) -> Told:
    """A folder per class, with .npy arrays or pictures in it, all of one shape; pictures become [channels, h, w].

    Raises NotFound where there are none, ConfigError where shapes differ.
    """
    _there(path)
    classes = sorted(one.name for one in path.iterdir() if one.is_dir())
    found: list[NDArray[np.float32]] = []
    y: list[int] = []
    for number, name in enumerate(classes):
        for file in sorted((path / name).iterdir()):
            if file.suffix == ".npy":
                found.append(_scaled(np.load(file, allow_pickle=False)))
            elif file.suffix.lower() in PICTURES:
                found.append(_picture(file))
            else:
                continue
            y.append(number)
    if not found:
        raise NotFound(
            f"no examples in {path}: it needs a folder per class with .npy files or pictures; put some there"
        )
    if len({one.shape for one in found}) != 1:
        raise ConfigError(f"examples of {len({one.shape for one in found})} shapes in {path}: bring all to one")
    return Told(_examples(np.stack(found), np.array(y), tier, path), tuple(classes))


def _picture(file: Path) -> NDArray[np.float32]:
    try:
        from PIL import Image
    except ImportError as error:
        raise NotFound("pictures are read by pillow, which is not here; install ganglion[train]") from error
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("L" if image.mode in ("1", "L", "I") else "RGB"))
    return _scaled(pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, -1, 0))


def _scaled(x: NDArray[np.generic]) -> NDArray[np.float32]:
    small = x.astype(np.float32)
    return small / np.float32(255) if x.dtype == np.uint8 else small


def _numbered(given: NDArray[np.generic]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Names in order, and the number of each; whole numbers that begin at 0 without a gap stay as they are."""
    names, numbers = np.unique(given, return_inverse=True)
    if names.dtype.kind == "U" and all(name.lstrip("-").isdigit() for name in names):
        names, numbers = np.unique(given.astype(np.int64), return_inverse=True)
    return tuple(str(name) for name in names), numbers.astype(np.int64).ravel()


def _examples(x: NDArray[np.float32], y: NDArray[np.int64], tier: Tier, path: Path) -> Examples:
    if len(x) != len(y) or not len(x) or not np.isfinite(x).all():
        raise ConfigError(f"{path} holds {len(x)} samples and {len(y)} labels, or a value that is not finite; mend it")
    return Examples(np.ascontiguousarray(x), y, tier)


def _there(path: Path) -> None:
    if not path.exists():
        raise NotFound(f"no data at {path}: the job names it, from its own folder; put it there or correct the path")
