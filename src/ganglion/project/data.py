"""A project's data.py: samples, labels and tiers as its functions give them, checked at each call."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError, GanglionError, NotFound
from ..core.label import Tier
from ..core.sample import Examples, to_input
from ..core.table import closest
from ..node.tools import Recipe
from .job import Recipes

PARTS = ("train", "calibration", "test")
TIERS = {tier.name.lower(): int(tier) for tier in Tier}


@dataclass(frozen=True)
class Source:
    """What one source of a device yields, over and over; `y` is for whoever watches, never for the node."""

    x: NDArray[Any]  # [n, ...] uint8 or float32
    y: NDArray[np.int64]
    tiers: NDArray[np.int64]  # of each reading, a Tier


@dataclass
class Data:
    """A project's data.py: what it gives is checked at each call, so that what is wrong is named where it is."""

    module: types.ModuleType
    fresh: Recipe
    transfer: Recipe
    round: Recipe
    scale: float  # of uint8 samples
    names: tuple[str, ...]  # of classes
    classes: int

    def examples(self, part: str) -> Examples:
        """Public examples: "train", "calibration" or "test"; x is scaled to float32."""
        if part not in PARTS:
            raise NotFound(f"no part {part!r}: data has {', '.join(PARTS)}; {closest(part, PARTS)}")
        x, y = self._pair("examples", self._call("examples", part))
        if len(x) == 0:
            raise self._wrong(f"examples({part!r}) is empty", "a part needs examples", "give it some")
        return Examples(to_input(x, self.scale), y, Tier.PUBLIC)

    def streams(self, node: str) -> dict[str, Source]:
        """What a device's sensor reads, by source; `stream` may give one (x, y, tiers) or several by name."""
        given = self._call("stream", node)
        named = given.items() if isinstance(given, Mapping) else [("stream", given)]
        return {str(name): self._readings(one) for name, one in named}

    def score(self, y: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
        """The project's own metric; accuracy where it has none."""
        own = hasattr(self.module, "score")
        value = called(self.module, "score", y, predicted) if own else (y == predicted).mean()
        if not isinstance(value, (int, float, np.number)):
            raise self._wrong(f"score(…) gave {value!r}", "it must give a number", "return a float")
        return float(value)

    def _call(self, name: str, argument: str) -> Any:
        if not callable(getattr(self.module, name, None)):
            raise self._wrong(f"no function {name}", "a project's data has one", f"define `def {name}(…)` in it")
        return _cached(self.module, name, argument)

    def _readings(self, given: Any) -> Source:
        if not isinstance(given, tuple) or len(given) != 3:
            raise self._wrong("stream(…) gave no (x, y, tiers)", "each reading has a tier", "return a tuple of three")
        x, y = self._pair("stream", given[:2])
        raw = np.asarray(given[2])
        if raw.dtype.kind in "US":
            raw = np.array([TIERS.get(str(name), -1) for name in raw.ravel()])
        if raw.shape != y.shape or raw.dtype.kind not in "iu" or not np.isin(raw, list(TIERS.values())).all():
            raise self._wrong("stream(…): tiers", f"one per sample, each of {', '.join(TIERS)}", "give a list of those")
        return Source(x, y, raw.astype(np.int64))

    def _pair(self, name: str, given: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
        if not isinstance(given, tuple) or len(given) != 2:
            raise self._wrong(f"{name}(…) gave no (x, y)", "samples and labels belong together", "return a tuple")
        x, y = np.asarray(given[0]), np.asarray(given[1])
        what = f"{name}(…): x of {x.dtype} {list(x.shape)}, y of {y.dtype} {list(y.shape)}"
        if x.ndim < 2 or not (x.dtype == np.uint8 or x.dtype.kind == "f") or not np.isfinite(x).all():
            raise self._wrong(what, "x must be [n, …] of uint8 or of finite floats", "convert it")
        if y.shape != (len(x),) or y.dtype.kind not in "iu":
            raise self._wrong(what, f"y must be {len(x)} class numbers", "convert it to integers")
        if x.dtype == np.uint8 and not hasattr(self.module, "SCALE"):
            raise self._wrong(what, "uint8 samples are multiplied by SCALE", "add SCALE = 1 / 255")
        if len(y) and not 0 <= y.min() <= y.max() < self.classes:
            span = f"{what}, {y.min()} to {y.max()}"
            raise self._wrong(span, f"classes are 0 to {self.classes - 1}", "correct y or CLASSES")
        return x if x.dtype == np.uint8 else x.astype(np.float32), y.astype(np.int64)

    def _wrong(self, what: str, holds: str, remedy: str) -> ConfigError:
        return _wrong(self.module, what, holds, remedy)


def make_data(module: types.ModuleType, recipes: Recipes) -> Data:
    """What a project's data.py says of its samples, beside how to learn from them. Raises ConfigError."""
    scale, classes = getattr(module, "SCALE", 1.0), getattr(module, "CLASSES", None)
    if not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
        raise _wrong(module, f"SCALE = {scale!r}", "it must be a number above 0", "such as SCALE = 1 / 255")
    named = range(classes) if isinstance(classes, int) else classes
    if not isinstance(named, (list, tuple, range)) or len(named) < 2:
        raise _wrong(module, f"CLASSES = {classes!r}", "it must be two or more", 'such as 10 or ("cat", "dog")')
    return Data(module, *recipes, float(scale), tuple(str(name) for name in named), len(named))


def called(module: types.ModuleType, name: str, *arguments: Any) -> Any:
    """What the project's own function gives. Raises ConfigError when it fails."""
    try:
        return getattr(module, name)(*arguments)
    except GanglionError:
        raise
    except Exception as error:  # boundary: the project's own code runs
        why = f"{type(error).__name__}: {error}; correct it there"
        raise ConfigError(f"{name}(…) in {module.__file__} failed: {why}") from error


_cached = lru_cache(maxsize=16)(called)


def _wrong(module: types.ModuleType, what: str, holds: str, remedy: str) -> ConfigError:
    return ConfigError(f"{what} in {module.__file__}: {holds}; {remedy}")
