"""The models of the federated benches and what runs beside them: files of a checkout, for peers read them too."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..core.errors import NotFound

FOLDER = Path(__file__).parents[3] / "benchmarks" / "federated"


def model(name: str) -> Callable[[], Any]:
    """What makes a model of benchmarks/federated/models.py. Raises NotFound outside a checkout."""
    return partial(_builder(), name)


@cache
def _builder() -> Callable[[str], Any]:
    path = FOLDER / "models.py"
    spec = importlib.util.spec_from_file_location("federated_models", path)
    if spec is None or spec.loader is None or not path.exists():
        raise NotFound(f"no models in {path}: they are in the repository only; run benches in a checkout of it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    build: Callable[[str], Any] = module.build
    return build
