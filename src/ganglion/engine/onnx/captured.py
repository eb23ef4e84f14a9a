"""A model that was captured: what the planner sees of it, and how it is cut and run on ONNX Runtime.

Planning and running share one graph, so a kernel of `model` is a node of a part, and a cut means the same to both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from ...core.cut import Cut
from ...core.errors import ConfigError
from ...core.model import Model
from ..stages import Ran, Stages
from .cut import cut_graph
from .graph import Graph
from .kernels import model_of, name_of
from .load import load
from .part import OpenPart, Part
from .session import FUSED
from .tidy import tidy
from .types import lengths, see

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Captured:
    """One model. Its weights are held once, by digest, whatever is cut."""

    model: Model
    graph: Graph
    example: dict[str, NDArray[Any]]
    source: Any = None  # where it came from, such as the traced torch program, for those who can cut that too
    _values: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)

    @property
    def weights(self) -> Mapping[str, NDArray[np.generic]]:
        """By digest."""
        return self.graph.weights

    @property
    def names(self) -> Mapping[str, str]:
        """What each weight was called -> its digest."""
        return self.graph.names

    def whole(self) -> Cut:
        """Everything at place 0."""
        return Cut((0,) * len(self.model.kernels), self.model.weights)

    def cut(self, cut: Cut, places: int = 0) -> tuple[Part, ...]:
        """A part per place, in milliseconds; `places` = 0 is as many as the cut names.

        Raises ConfigError for a cut of another model.
        """
        return cut_graph(self.graph, self._values, self.model, cut, places or 1 + max(cut.places, default=0))

    def open(self, parts: Iterable[Part], level: str = FUSED) -> Stages:
        """Parts that run in this process, one after the other; `level` is one of `session.LEVELS`."""
        return Stages([OpenPart(part, self.weights, level) for part in parts], self.graph.outputs)

    def kernels_of(self, tensors: Iterable[str]) -> set[str]:
        """The kernels that make some tensors; an input counts as itself."""
        maker, nodes = self.graph.maker, self.graph.nodes
        return {name_of(nodes[maker[name]]) if name in maker else name for name in tensors}

    def run(self, inputs: Arrays, level: str = FUSED) -> Ran:
        """The whole model on a batch; inputs and outputs by name."""
        return self.open(self.cut(self.whole()), level)(inputs)


def capture_onnx(source: str | Path | bytes, example: Any = None) -> Captured:
    """From an ONNX file, or its bytes, without torch.

    `example` is an array, several in the order of the inputs, or arrays by name; None makes zeros, with 1 for a length
    that the file leaves open. Raises NotFound or ConfigError.
    """
    graph = load(source)
    return captured(graph, _by_name(graph, example))


def captured(graph: Graph, example: Arrays, source: Any = None) -> Captured:
    """From a graph as it was read or exported. Raises ConfigError where it cannot run on the example."""
    known = lengths(graph)  # before tidying, which drops what an exporter knew
    graph = tidy(graph)
    seen = see(graph, example)
    values = {}
    for name in (*graph.inputs, *graph.maker):
        kind = helper.np_dtype_to_tensor_dtype(seen[name].dtype)
        shape = known.get(name, (None,) * len(seen[name].shape))
        values[name] = helper.make_tensor_value_info(name, kind, list(shape))
    return Captured(model_of(graph, seen), graph, dict(example), source, values)


def _by_name(graph: Graph, example: Any) -> dict[str, NDArray[Any]]:
    declared = {value.name: value.type.tensor_type for value in graph.proto.graph.input}
    if example is None:
        return {name: _zeros(kind) for name, kind in declared.items()}
    given = example if isinstance(example, (Mapping, tuple, list)) else (example,)
    if not isinstance(given, Mapping):
        if len(given) != len(declared):
            raise ConfigError(f"{len(given)} example inputs for a model of {len(declared)}: {', '.join(declared)}")
        given = dict(zip(declared, given, strict=True))
    if set(given) != set(declared):
        raise ConfigError(f"example inputs {sorted(given)} for a model that takes {sorted(declared)}; name each once")
    return {
        name: np.asarray(given[name], helper.tensor_dtype_to_np_dtype(declared[name].elem_type)) for name in declared
    }


def _zeros(kind: Any) -> NDArray[Any]:
    if not kind.HasField("shape"):
        raise ConfigError("its input has no declared shape; give capture an example")
    shape = [dim.dim_value if dim.HasField("dim_value") else 1 for dim in kind.shape.dim]
    return np.zeros(shape, helper.tensor_dtype_to_np_dtype(kind.elem_type))
