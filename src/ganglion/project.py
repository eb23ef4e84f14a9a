"""A user's project: a model, data and how to train, found by its folder or as "package.module:function".

A folder holds model.py with `build()`, data.py with `examples(part)` and `stream(node)`, and perhaps job.toml. They see
each other by relative imports (`from .data import CLASSES`). data.py is loaded without torch, model.py when needed.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core.compute import Adam, CrossEntropy, Sgd
from .core.errors import ConfigError, GanglionError, NotFound
from .core.label import Tier
from .core.plan import Goal
from .core.sample import Examples, to_input
from .core.table import Limits, Table, closest
from .node.tools import Recipe

JOB = "job.toml"
PARTS = ("train", "calibration", "test")
TIERS = {tier.name.lower(): int(tier) for tier in Tier}
OPTIMIZERS: dict[str, type[Sgd] | type[Adam]] = {"adam": Adam, "sgd": Sgd}
SHARE, COUNT = (0.0, 1.0), (1.0, 1e6)
RECIPE: dict[str, Limits] = {"rate": (1e-9, 1e3), "epochs": COUNT, "batch": COUNT}
RECIPE |= dict.fromkeys(("momentum", "decay", "cooling"), SHARE)
GOAL: dict[str, Limits] = {"deadline_s": (1e-3, 1e4), "risk": SHARE, "far_share": SHARE}
Recipes = tuple[Recipe, Recipe, Recipe]  # fresh, transfer, round
USUAL = Recipe(Adam(0.005, epochs=30), CrossEntropy())


@dataclass(frozen=True)
class Readings:
    """What one source of a device yields."""

    x: NDArray[Any]  # [n, ...] uint8 or float32
    y: NDArray[np.int64]  # for whoever watches
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

    def streams(self, node: str) -> dict[str, Readings]:
        """What a device's sensor reads, by source; `stream` may give one (x, y, tiers) or several by name."""
        given = self._call("stream", node)
        named = given.items() if isinstance(given, Mapping) else [("stream", given)]
        return {str(name): self._readings(one) for name, one in named}

    def score(self, y: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
        """The project's own metric; accuracy where it has none."""
        own = hasattr(self.module, "score")
        value = _called(self.module, "score", y, predicted) if own else (y == predicted).mean()
        if not isinstance(value, (int, float, np.number)):
            raise self._wrong(f"score(…) gave {value!r}", "it must give a number", "return a float")
        return float(value)

    def _call(self, name: str, argument: str) -> Any:
        if not callable(getattr(self.module, name, None)):
            raise self._wrong(f"no function {name}", "a project's data has one", f"define `def {name}(…)` in it")
        return _cached(self.module, name, argument)

    def _readings(self, given: Any) -> Readings:
        if not isinstance(given, tuple) or len(given) != 3:
            raise self._wrong("stream(…) gave no (x, y, tiers)", "each reading has a tier", "return a tuple of three")
        x, y = self._pair("stream", given[:2])
        raw = np.asarray(given[2])
        if raw.dtype.kind in "US":
            raw = np.array([TIERS.get(str(name), -1) for name in raw.ravel()])
        if raw.shape != y.shape or raw.dtype.kind not in "iu" or not np.isin(raw, list(TIERS.values())).all():
            raise self._wrong("stream(…): tiers", f"one per sample, each of {', '.join(TIERS)}", "give a list of those")
        return Readings(x, y, raw.astype(np.int64))

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


def _wrong(module: types.ModuleType, what: str, holds: str, remedy: str) -> ConfigError:
    return ConfigError(f"{what} in {module.__file__}: {holds}; {remedy}")


def _data(module: types.ModuleType, recipes: Recipes) -> Data:
    scale, classes = getattr(module, "SCALE", 1.0), getattr(module, "CLASSES", None)
    if not isinstance(scale, (int, float)) or not 0 < scale < math.inf:
        raise _wrong(module, f"SCALE = {scale!r}", "it must be a number above 0", "such as SCALE = 1 / 255")
    named = range(classes) if isinstance(classes, int) else classes
    if not isinstance(named, (list, tuple, range)) or len(named) < 2:
        raise _wrong(module, f"CLASSES = {classes!r}", "it must be two or more", 'such as 10 or ("cat", "dog")')
    return Data(module, *recipes, float(scale), tuple(str(name) for name in named), len(named))


@dataclass(frozen=True)
class Loaded:
    """A project that was found; `build` makes a new torch module and is the one thing that imports torch."""

    spec: str
    build: Callable[[], Any]
    project: Data
    goal: Goal

    def streams(self, node: str) -> Mapping[str, Readings]:
        """What a device's sensor reads, by source."""
        return self.project.streams(node)

    @property
    def digest(self) -> str:
        """Of the project's code: two that differ in it never share what was computed."""
        return code_digest(Path(str(self.project.module.__file__)).parent)


def code_digest(*folders: Path) -> str:
    """SHA-256 over the Python files in folders and below."""
    files = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


def resolve(spec: str) -> Loaded:
    """A folder with model.py and data.py, or "package.module:function" with a module `data` beside it.

    Raises NotFound where there is nothing, ConfigError for what is wrong with it.
    """
    if Path(spec).is_dir():
        package, named, function = _as_package(Path(spec).resolve()), "model", "build"
    elif ":" in spec:
        dotted, _, function = spec.partition(":")
        package, _, named = dotted.rpartition(".")
    else:
        raise NotFound(f"no project {spec!r}: it is no folder and no package.module:function; `ganglion new` makes one")
    try:
        found = importlib.util.find_spec(f"{package}.{named}") if package else None
        beside = importlib.util.find_spec(f"{package}.data") if found else None
    except ModuleNotFoundError:
        found = beside = None
    if found is None or found.origin is None:
        raise NotFound(f"no {named}.py in project {spec!r}: `{function}()` makes its model there; write one")
    if beside is None:
        raise NotFound(f"no data.py in project {spec!r}: its samples come from there; write `examples` and `stream`")
    if not re.search(rf"\b{re.escape(function)}\b", Path(found.origin).read_text("utf-8")):
        raise ConfigError(f"no function {function} in {found.origin}: it makes the model; define `def {function}()`")
    recipes, goal = _job(Path(found.origin).with_name(JOB))
    data = _data(_imported(beside.name), recipes)
    return Loaded(spec, _builder(found.name, function), data, goal)


def _as_package(folder: Path) -> str:
    """A name of its own for a folder, so that two projects' files never meet and sys.path stays as it is."""
    package = types.ModuleType(f"project_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}")
    package.__path__ = [str(folder)]
    importlib.invalidate_caches()  # its files may have been written a moment ago
    return sys.modules.setdefault(package.__name__, package).__name__


def _imported(name: str) -> types.ModuleType:
    file = str(getattr(importlib.util.find_spec(name), "origin", name))
    try:
        return importlib.import_module(name)
    except GanglionError:
        raise
    except ModuleNotFoundError as error:
        missing = str(error.name)
        near = Path(file).with_name(f"{missing}.py").exists()
        remedy = f"write `from .{missing} import …`" if near else f"install {missing} (torch: 'ganglion[train]')"
        raise ConfigError(f"{file} imports {missing}: there is no such package here; {remedy}") from error
    except Exception as error:  # boundary: the project's own code runs
        raise ConfigError(f"{file} cannot be imported: {type(error).__name__}: {error}; correct it there") from error


def _called(module: types.ModuleType, name: str, *arguments: Any) -> Any:
    try:
        return getattr(module, name)(*arguments)
    except GanglionError:
        raise
    except Exception as error:  # boundary: the project's own code runs
        why = f"{type(error).__name__}: {error}; correct it there"
        raise ConfigError(f"{name}(…) in {module.__file__} failed: {why}") from error


_cached = lru_cache(maxsize=16)(_called)


def _builder(module: str, function: str) -> Callable[[], Any]:
    def build() -> Any:
        found = _imported(module)
        made = _called(found, function)
        if not callable(getattr(made, "forward", None)) or not callable(getattr(made, "state_dict", None)):
            what = f"{function}() in {found.__file__} gave a {type(made).__name__}"
            raise ConfigError(f"{what}: it must be a torch.nn.Module; return one")
        return made

    return build


def _job(file: Path) -> tuple[Recipes, Goal]:
    there = Table.read(file) if file.exists() else Table(str(file), "", {})
    top = there.only("train", "transfer", "round", "goal")
    fresh = _recipe(top.table("train"), USUAL)
    goal = top.table("goal").only(*(one.name for one in fields(Goal)))
    transfer = _recipe(top.table("transfer"), fresh)
    return (fresh, transfer, _recipe(top.table("round"), transfer)), goal.into(Goal, GOAL)


def _recipe(row: Table, usual: Recipe) -> Recipe:
    if not row.values:
        return usual
    kind = OPTIMIZERS[row.text("optimizer", "adam", OPTIMIZERS)]
    row.only("optimizer", "exits", *(one.name for one in fields(kind)))
    return Recipe(row.into(kind, RECIPE), CrossEntropy(row.numbers("exits", usual.loss.exits, (0.0, 1e3))))
