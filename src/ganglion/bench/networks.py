"""The networks that benches measure: files of benchmarks/networks in a checkout, with weights decided by a seed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NotFound
from ..core.rng import stream
from ..engine.capture import capture
from ..engine.onnx.captured import Captured

FOLDER = Path(__file__).parents[3] / "benchmarks" / "networks"
FULL, NARROW = 1.0, 0.125
WORDS = 50  # the fewest tokens that a network of words knows


@dataclass(frozen=True, eq=False)
class Network:
    """One file: how its module is made, what it takes, and which of its lengths may vary."""

    name: str
    build: Callable[[float], Any]
    example: Callable[[float], tuple[Any, ...]]
    dynamic: Mapping[str, Mapping[int, str]] | None  # None: the batch

    def capture(self, width: float = FULL, seed: int = 0, fixed: bool = False) -> Captured:
        """With random weights of a usual size; `fixed` holds the batch at one, which is quicker to trace."""
        module = self.build(width)
        fill(module, seed, self.name)
        return capture(module, self.example(width), {} if fixed and self.dynamic is None else self.dynamic)


def names() -> list[str]:
    """Every network to be cut; those with exits have benches of their own. Raises NotFound outside a checkout."""
    found = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("exits_"))
    if not found:
        raise NotFound(f"no networks in {FOLDER}: they are in the repository only; run benches in a checkout of it")
    return found


def network(name: str) -> Network:
    """One of them by name."""
    file = FOLDER / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"networks_{name}", file)
    if spec is None or spec.loader is None or not file.exists():
        raise NotFound(f"no network {name!r}: there are {', '.join(names())}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Network(name, module.build, module.example, getattr(module, "DYNAMIC", None))


def fill(module: Any, seed: int, name: str) -> None:
    """Gives a module weights under which every layer's values matter: fresh statistics would let them vanish."""
    for key, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        values = tensor.numpy()  # shares its memory
        draw = stream(seed, "network", name, key)
        if values.ndim > 1:
            values[...] = draw.normal(0, np.sqrt(2 / max(1, values[0].size)), values.shape)
        elif key.endswith(("running_var", "weight")):
            values[...] = draw.uniform(0.7, 1.3, values.shape)
        else:
            values[...] = draw.normal(0, 0.1, values.shape)


def inputs(made: Captured, seed: int) -> dict[str, NDArray[Any]]:
    """A batch of one: noise for a network of numbers, tokens for one of words."""
    found: dict[str, NDArray[Any]] = {}
    for name, like in made.example.items():
        draw = stream(seed, "inputs", name)
        if like.dtype.kind == "f":
            found[name] = draw.normal(0, 1, like.shape).astype(like.dtype)
        else:
            found[name] = draw.integers(0, WORDS, like.shape).astype(like.dtype)
    return found
