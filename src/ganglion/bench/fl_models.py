"""The models of the federated benches and what runs beside them: files of a checkout, for peers read them too."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..core.errors import NotFound

FOLDER = Path(__file__).parents[3] / "benchmarks" / "federated"
PLAIN = ("models", "reference")  # its files that are loaded here


def model(name: str) -> Callable[[], Any]:
    """What makes a model of benchmarks/federated/models.py. Raises NotFound outside a checkout."""
    build: Callable[[str], Any] = _loaded("models").build
    return partial(build, name)


def reference() -> Callable[..., list[float]]:
    """The plain loops of benchmarks/federated/reference.py. Raises NotFound outside a checkout."""
    play: Callable[..., list[float]] = _loaded("reference").play
    return play


@cache
def _loaded(name: str) -> Any:
    path = FOLDER / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"federated_{name}", path)
    if spec is None or spec.loader is None or not path.exists():
        raise NotFound(f"no {path}: it is in the repository only; run benches in a checkout of it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
