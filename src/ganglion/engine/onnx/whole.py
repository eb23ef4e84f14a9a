"""A stage and its weights as one ONNX file that any runtime reads."""

from __future__ import annotations

import onnx
from onnx import numpy_helper

from ...core.blob import arrays_of_bytes
from ...core.errors import Corrupt


def whole_graph(graph: bytes, stored: bytes) -> bytes:
    """A graph whose weights lie outside, with them inside. Raises Corrupt where one is missing."""
    model, weights = onnx.load_from_string(graph), arrays_of_bytes(stored)
    for place, tensor in enumerate(model.graph.initializer):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        if tensor.name not in weights:
            raise Corrupt(f"weight {tensor.name!r} of the graph is not among the release's; fetch the release again")
        model.graph.initializer[place].CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    whole: bytes = model.SerializeToString()
    return whole
