"""What is known of each tensor of a graph: its lengths as numbers or names, its type and size in one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, shape_inference

from ...core.errors import ConfigError
from .graph import Graph
from .session import NONE, REFUSALS, open_session

Length = int | str | None  # a number, a name that stands for one number throughout, or unknown


@dataclass(frozen=True)
class Seen:
    """A tensor as it was in one run."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Values."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def nbytes(self) -> int:
        """Bytes."""
        return self.size * self.dtype.itemsize


def lengths(graph: Graph) -> dict[str, tuple[Length, ...]]:
    """What shape inference knows of each tensor; nothing where it does not know even how many axes there are."""
    plain = onnx.ModelProto()
    plain.CopyFrom(graph.proto)
    del plain.graph.initializer[:]
    for tensor in graph.proto.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            plain.graph.initializer.append(tensor)
        else:  # inference needs a weight's shape alone
            plain.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    inferred = shape_inference.infer_shapes(plain, data_prop=True).graph
    found: dict[str, tuple[Length, ...]] = {}
    for value in [*inferred.input, *inferred.value_info, *inferred.output]:
        if value.type.tensor_type.HasField("shape"):
            found[value.name] = tuple(_length(one) for one in value.type.tensor_type.shape.dim)
    return found


def _length(dim: Any) -> Length:
    if dim.HasField("dim_value"):
        return int(dim.dim_value)
    return str(dim.dim_param) or None


def see(graph: Graph, example: Mapping[str, NDArray[Any]]) -> dict[str, Seen]:
    """Runs the graph once and notes every tensor. Raises ConfigError where it cannot run, or makes something else."""
    loud = onnx.ModelProto()
    loud.CopyFrom(graph.proto)
    made = [name for node in graph.nodes for name in node.output if name]
    inner = [name for name in made if name not in graph.outputs]
    loud.graph.output.extend(onnx.ValueInfoProto(name=name) for name in inner)
    names = [*graph.outputs, *inner]
    try:
        session = open_session(loud.SerializeToString(), graph.weights, NONE).session
        values = session.run(names, dict(example))
    except REFUSALS as error:
        shapes = {name: list(array.shape) for name, array in example.items()}
        raise ConfigError(f"the model cannot run on an example of shapes {shapes}: {error}") from error
    found = {name: Seen(array.dtype, array.shape) for name, array in [*example.items(), *graph.weights.items()]}
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            raise ConfigError(f"the model's tensor {name!r} is no array of numbers, so it cannot be cut there")
        found[name] = Seen(value.dtype, value.shape)
    for name, tensor in graph.constants.items():
        found.setdefault(name, Seen(helper.tensor_dtype_to_np_dtype(tensor.data_type), tuple(tensor.dims)))
    return found
