"""Models that hardly compute: what running one takes is what everything around a model takes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from onnx import NodeProto, TensorProto, helper

from ...core.errors import ConfigError
from .captured import Captured, capture_onnx

OPSET, FORMAT = 17, 9


def no_op(size: int, links: int = 1) -> Captured:
    """One kernel per place over rows of so many float32, so that it can be cut over that many links."""
    names = [f"x{number}" for number in range(links + 2)]
    return _captured([helper.make_node("Neg", [given], [made]) for given, made in pairwise(names)], (size, size))


def narrowing(sizes: tuple[int, ...]) -> Captured:
    """Rows of so many float32, of which each kernel keeps fewer: sizes[0] come in, sizes[-1] go out."""
    if any(later > earlier for earlier, later in pairwise(sizes)) or len(sizes) < 2:
        raise ConfigError(f"sizes = {sizes}: each must be at most the one before; give at least two")
    nodes = []
    for number, size in enumerate(sizes[1:]):
        ends = [
            helper.make_node("Constant", [], [f"{name}{number}"], value_ints=[value])
            for name, value in (("from", 0), ("to", size), ("axis", 1))
        ]
        given = [f"x{number}", f"from{number}", f"to{number}", f"axis{number}"]
        nodes += [*ends, helper.make_node("Slice", given, [f"x{number + 1}"])]
    return _captured(nodes, (sizes[0], sizes[-1]))


def _captured(nodes: list[NodeProto], sizes: tuple[int, int]) -> Captured:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size])
        for name, size in zip(("x0", nodes[-1].output[0]), sizes, strict=True)
    ]
    graph = helper.make_graph(nodes, "no_op", ends[:1], ends[1:])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT)
    return capture_onnx(proto.SerializeToString(), np.zeros((1, sizes[0]), np.float32))
