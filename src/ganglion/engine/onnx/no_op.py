"""A model that only changes signs: what running it takes is what everything around a model takes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from onnx import TensorProto, helper

from .captured import Captured, capture_onnx

OPSET, FORMAT = 17, 9


def no_op(size: int, links: int = 1) -> Captured:
    """One kernel per place over rows of so many float32, so that it can be cut over that many links."""
    names = [f"x{number}" for number in range(links + 2)]
    kind = TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Neg", [given], [made]) for given, made in pairwise(names)],
        "no_op",
        [helper.make_tensor_value_info(names[0], kind, ["batch", size])],
        [helper.make_tensor_value_info(names[-1], kind, ["batch", size])],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=FORMAT)
    return capture_onnx(proto.SerializeToString(), np.zeros((1, size), np.float32))
