"""A model as the command line names it: an ONNX file, or a Python file and the function that builds a torch module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError, NotFound

if TYPE_CHECKING:
    from ..engine.onnx.captured import Captured

CACHE = Path("~/.cache/ganglion/profiles")


def captured(name: str) -> Captured:
    """`net.onnx`, or `model.py:build` beside which `example()` gives what the module is called with."""
    from ..engine.capture import capture

    path, _, function = name.partition(":")
    if not Path(path).is_file():
        raise NotFound(f"no file {path}: the model is read from there; give an .onnx file, or model.py:build")
    if Path(path).suffix != ".py":
        return capture(path)
    spec = importlib.util.spec_from_file_location("ganglion_model", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be loaded: it must be a Python file; such as model.py:build")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    missing = [one for one in (function or "build", "example") if not callable(getattr(module, one, None))]
    if missing:
        raise ConfigError(
            f"{path} has no function {missing[0]}: build() makes the module, example() its inputs; add it"
        )
    return capture(getattr(module, function or "build")(), module.example())
