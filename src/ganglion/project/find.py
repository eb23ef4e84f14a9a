"""Finds a project by its folder or as "package.module:function"; data.py is loaded without torch, model.py late."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, GanglionError, NotFound
from ..core.plan import Goal
from .data import Data, Source, called, make_data
from .job import read_job


@dataclass(frozen=True)
class Loaded:
    """A project that was found; `build` makes a new torch module and is the one thing that imports torch."""

    spec: str
    build: Callable[[], Any]
    project: Data
    goal: Goal

    def streams(self, node: str) -> Mapping[str, Source]:
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
    recipes, goal = read_job(Path(found.origin).with_name("job.toml"))
    data = make_data(_imported(beside.name), recipes)
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


def _builder(module: str, function: str) -> Callable[[], Any]:
    def build() -> Any:
        found = _imported(module)
        made = called(found, function)
        if not callable(getattr(made, "forward", None)) or not callable(getattr(made, "state_dict", None)):
            what = f"{function}() in {found.__file__} gave a {type(made).__name__}"
            raise ConfigError(f"{what}: it must be a torch.nn.Module; return one")
        return made

    return build
