"""Makes a graph easier to cut without changing what it computes: no dead nodes, and no shape asked from afar.

An exporter writes a reshape's target as lengths that it reads from the model's input. Behind a cut that would need the
input; where the lengths can be taken from the tensor that is reshaped, the target becomes a constant.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from .graph import Graph, reads
from .types import Length, lengths

COPY, REST = 0, -1  # ONNX Reshape: the length that the tensor has there; whatever is left


def tidy(graph: Graph) -> Graph:
    """The same model, tidied."""
    known = lengths(graph)
    made = onnx.ModelProto()
    made.CopyFrom(graph.proto)
    for node in made.graph.node:
        if node.op_type == "Reshape" and node.input[1] not in graph.constants and node.domain in ("", "ai.onnx"):
            _settle(made.graph, node, known)
    _drop_dead(made.graph)
    del made.graph.value_info[:]
    read = {name for node in made.graph.node for name in reads(node)}
    weights = {digest: array for digest, array in graph.weights.items() if digest in read}
    return Graph(made, weights, {name: digest for name, digest in graph.names.items() if digest in weights})


def target(given: tuple[Length, ...], wanted: tuple[Length, ...]) -> list[int] | None:
    """A constant that reshapes `given` into `wanted`, None where that needs more than one length it cannot name.

    >>> target(("b", "s", 32), ("b", "s", 4, 8)), target(("b", 2, "s"), ("b", "s", 2)), target(("b", 9), ("c", "d"))
    ([0, 0, 4, 8], [0, -1, 2], None)
    """
    made = []
    for place, length in enumerate(wanted):
        if isinstance(length, int) and length > 0:
            made.append(length)
        elif isinstance(length, str) and place < len(given) and given[place] == length:
            made.append(COPY)
        else:
            made.append(REST)
    return made if made.count(REST) <= 1 else None


def _settle(graph: onnx.GraphProto, node: onnx.NodeProto, known: Mapping[str, tuple[Length, ...]]) -> None:
    given, wanted = known.get(node.input[0]), known.get(node.output[0])
    shape = None if given is None or wanted is None else target(given, wanted)
    if shape is None:
        return
    name = f"{node.output[0]}_shape"
    graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    node.input[1] = name
    del node.attribute[:]  # the only one, allowzero, would take COPY for a length of nothing


def _drop_dead(graph: onnx.GraphProto) -> None:
    needed = {value.name for value in graph.output}
    alive = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(reads(node))
            alive.append(node)
    del graph.node[:]
    graph.node.extend(reversed(alive))
    kept = [tensor for tensor in graph.initializer if tensor.name in needed]
    del graph.initializer[:]
    graph.initializer.extend(kept)
