"""An ONNX graph without its weights, which are arrays by digest; who makes and who reads each tensor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import AttributeProto, NodeProto, TensorProto

from ...core.ref import digest_of

STORED = "FIUBC"  # kinds of array that a weight may be held as: floats, integers, booleans, complex numbers
INLINE_BYTES = 1024  # integers up to this size are shapes and axes: part of the graph, not weights
CONFIGURED = ("Resize", "Upsample")  # their other operands are settings, which a runtime reads while it loads


@dataclass(frozen=True, eq=False)
class Graph:
    """One model; the initializers of `proto` that are weights are named by digest and hold no data."""

    proto: onnx.ModelProto
    weights: dict[str, NDArray[np.generic]]  # by digest
    names: dict[str, str]  # what a weight was called where the graph came from -> its digest

    @cached_property
    def nodes(self) -> list[NodeProto]:
        """In topological order."""
        return list(self.proto.graph.node)

    @cached_property
    def constants(self) -> dict[str, TensorProto]:
        """Initializers by name: weights, and what is held in the graph."""
        return {tensor.name: tensor for tensor in self.proto.graph.initializer}

    @cached_property
    def maker(self) -> dict[str, int]:
        """The node, by its place in `nodes`, that makes each tensor."""
        return {name: place for place, node in enumerate(self.nodes) for name in node.output if name}

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """Names of what a caller gives."""
        return tuple(value.name for value in self.proto.graph.input)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the results."""
        return tuple(value.name for value in self.proto.graph.output)

    @cached_property
    def moving(self) -> list[bool]:
        """Whether each node depends on the inputs, if only on their shapes; the others are constant."""
        known, found = set(self.inputs), []
        for node in self.nodes:
            found.append(any(name in known for name in reads(node)))
            if found[-1]:
                known.update(node.output)
        return found

    def digest(self) -> str:
        """Of graph and weights: the graph names its weights by their digests."""
        return digest_of(self.proto.SerializeToString(deterministic=True))


def reads(node: NodeProto) -> list[str]:
    """Every tensor that a node reads, those its branches and loop bodies take from outside included."""
    found = dict.fromkeys(name for name in node.input if name)
    for body in bodies(node):
        own = {value.name for value in body.input} | {tensor.name for tensor in body.initializer}
        for inner in body.node:
            found |= dict.fromkeys(name for name in reads(inner) if name not in own)
            own |= set(inner.output)
        found |= dict.fromkeys(value.name for value in body.output if value.name not in own)
    return list(found)


def bodies(node: NodeProto) -> Iterator[onnx.GraphProto]:
    """The graphs within a node: branches of If, bodies of Loop and Scan."""
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs


def is_weight(array: NDArray[np.generic], readers: set[str]) -> bool:
    """Whether a constant is held outside the graph; `readers` are the operations that read it as a setting."""
    if array.dtype.kind.upper() not in STORED or array.size <= 1:
        return False
    if array.dtype.kind in "iub":
        return array.nbytes > INLINE_BYTES
    return not readers & set(CONFIGURED)
