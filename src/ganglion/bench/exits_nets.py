"""The networks with exits that benches train, and their weights in a cache: the same recipe is trained once."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import tensors_of_bytes, tensors_to_bytes
from ..core.compute import Adam
from ..core.errors import NotFound
from ..core.tensors import Tensors
from ..engine.torch.arena import Arena
from ..engine.torch.branch_fit import Lesson, train
from .networks import FOLDER

CACHE = Path.home() / ".cache" / "ganglion-bench"
FORMAT = "1"  # raised when training changes its meaning


@dataclass(frozen=True)
class Recipe:
    """One network of one file, and how it is trained."""

    file: str  # of benchmarks/networks, without .py
    make: str  # the function that builds it
    epochs: int
    exits: tuple[float, ...] = (1.0,)  # what each exit's loss counts
    argument: float | str | None = None  # of `make`
    parent: Recipe | None = None  # whose trained network is the argument of `make` instead
    rate: float = 3e-3
    decay: float = 0.02
    batch: int = 64

    def lesson(self, seed: int) -> Lesson:
        """For the engine."""
        how = Adam(self.rate, self.epochs, self.batch, self.decay, cooling=0.9)
        return Lesson(how, self.exits, seed=seed)

    def build(self, parent: Any = None) -> Any:
        """A fresh module. Raises NotFound outside a checkout."""
        make: Callable[..., Any] = getattr(source(self.file), self.make)
        given = self.argument if parent is None else parent
        return make() if given is None else make(given)


def source(file: str) -> Any:
    """A file of benchmarks/networks as a module. Raises NotFound outside a checkout."""
    path = FOLDER / f"{file}.py"
    spec = importlib.util.spec_from_file_location(f"networks_{file}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise NotFound(f"no network file {path}: they are in the repository only; run benches in a checkout of it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def trained(recipe: Recipe, x: NDArray[np.float32], y: NDArray[np.int64], seed: int, cache: Path = CACHE) -> Any:
    """The network with weights learnt from x [n, ...] and y [n]; from `cache` where they were learnt before."""
    module = recipe.build(None if recipe.parent is None else trained(recipe.parent, x, y, seed, cache))
    path = cache / f"{recipe.file}-{_key(recipe, x, y, seed)}.safetensors"
    if path.exists():
        Arena(module).load(tensors_of_bytes(path.read_bytes()))
        return module
    weights: Tensors = train(module, x, y, recipe.lesson(seed)).weights
    cache.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(tensors_to_bytes(weights))
    partial.rename(path)
    return module


def _key(recipe: Recipe, x: NDArray[np.float32], y: NDArray[np.int64], seed: int) -> str:
    seen = hashlib.sha256("\n".join((FORMAT, repr(recipe), str(seed))).encode())
    seen.update(_code(FOLDER / f"{recipe.file}.py"))
    seen.update(np.ascontiguousarray(x).data)
    seen.update(np.ascontiguousarray(y).data)
    return seen.hexdigest()[:24]


def _code(path: Path) -> bytes:
    """A file without its comments and docstrings, in one layout."""
    tree = ast.parse(path.read_bytes())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).encode()
