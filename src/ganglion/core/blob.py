"""Tensors and examples as bytes: the safetensors format, with its own reader's bounds checks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .errors import Corrupt
from .label import Tier
from .sample import Examples
from .tensors import Tensors


def arrays_to_bytes(arrays: Mapping[str, NDArray[np.generic]], meta: Mapping[str, str] | None = None) -> bytes:
    """Named arrays in one safetensors blob; the same arrays give the same bytes."""
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}  # a scalar stays one
    return bytes(safetensors.numpy.save(whole, dict(meta) if meta else None))


def arrays_of_bytes(raw: bytes) -> dict[str, NDArray[np.generic]]:
    """Reads what `arrays_to_bytes` wrote. Raises Corrupt for anything else."""
    try:
        return dict(safetensors.numpy.load(raw))
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise Corrupt(f"{len(raw)} bytes are no safetensors blob: {error}") from error


def tensors_to_bytes(tensors: Tensors) -> bytes:
    """Weights, one entry per tensor; order is kept in numbered names."""
    return arrays_to_bytes({f"{place:04d}:{name}": array for place, (name, array) in enumerate(tensors.items())})


def tensors_of_bytes(raw: bytes) -> Tensors:
    """Reads what `tensors_to_bytes` wrote. Raises Corrupt for anything else."""
    arrays = arrays_of_bytes(raw)
    if odd := [name for name in arrays if ":" not in name]:
        raise Corrupt(f"a safetensors blob with a tensor {odd[0][:40]!r}, without a number before it, holds no weights")
    return Tensors.of({name.split(":", 1)[1]: arrays[name] for name in sorted(arrays)})


def examples_to_bytes(examples: Examples) -> bytes:
    """Samples and labels under their tier."""
    x, y = examples.x.astype(np.float32), examples.y.astype(np.int64)
    return arrays_to_bytes({"x": x, "y": y, "tier": np.array([int(examples.tier)], np.int64)})


def examples_of_bytes(raw: bytes) -> Examples:
    """Reads what `examples_to_bytes` wrote. Raises Corrupt for anything else."""
    arrays = arrays_of_bytes(raw)
    try:
        x, y, tier = arrays["x"], arrays["y"], Tier(int(arrays["tier"][0]))
    except (KeyError, ValueError, IndexError) as error:
        raise Corrupt(f"a safetensors blob without x, y and tier is no examples file: {error}") from error
    if x.ndim == 0 or y.ndim != 1 or "c" in (x.dtype.kind, y.dtype.kind):
        raise Corrupt(f"samples of shape {x.shape} {x.dtype} with labels of {y.shape} {y.dtype} are no examples")
    if len(x) != len(y):
        raise Corrupt(f"an examples file holds {len(x)} samples but {len(y)} labels")
    return Examples(x.astype(np.float32), y.astype(np.int64), tier)
