"""Operations of one ONNX node for one example: a multiply-add counts as two, anything else about one per value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from onnx import NodeProto, helper

from .types import Seen

Sizes = Mapping[str, Seen]


def flops(node: NodeProto, sizes: Sizes) -> int:
    """By its operation; what only moves or renames values costs nothing."""
    if node.op_type in FREE:
        return 0
    count = COUNTS.get(node.op_type)
    if count is not None:
        return count(node, sizes)
    most = [sizes[name].size for name in (*node.input, *node.output) if name in sizes]
    return max(most, default=0)


def _convolution(node: NodeProto, sizes: Sizes) -> int:
    """Every output value sums over the kernel's window and its group's channels: all of a filter but its first axis."""
    return 2 * sizes[node.output[0]].size * math.prod(sizes[node.input[1]].shape[1:])


def _quantized_convolution(node: NodeProto, sizes: Sizes) -> int:
    return 2 * sizes[node.output[0]].size * math.prod(sizes[node.input[3]].shape[1:])


def _transposed(node: NodeProto, sizes: Sizes) -> int:
    """Every input value is spread over the window and its group's output channels."""
    return 2 * sizes[node.input[0]].size * math.prod(sizes[node.input[1]].shape[1:])


def _product(node: NodeProto, sizes: Sizes) -> int:
    """Every output value sums over the last axis of the left matrix."""
    left = sizes[node.input[0]].shape
    turned = any(attribute.name == "transA" and attribute.i for attribute in node.attribute)
    return 2 * sizes[node.output[0]].size * (left[0 if turned else -1] if left else 1)


def _pool(node: NodeProto, sizes: Sizes) -> int:
    """Every output value looks at its window."""
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    window: list[int] = given.get("kernel_shape", [1])
    return sizes[node.output[0]].size * math.prod(window)


def _recurrent(node: NodeProto, sizes: Sizes) -> int:
    """Each step multiplies by the input's and the state's matrices, W [ways, gates, in] and R [ways, gates, hidden]."""
    steps = math.prod(sizes[node.input[0]].shape[:2])  # sequence and batch, in either lay-out
    return 2 * steps * (sizes[node.input[1]].size + sizes[node.input[2]].size)


FREE = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape", "Size", "Dropout"})
COUNTS: dict[str, Callable[[NodeProto, Sizes], int]] = {
    "Conv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _quantized_convolution,
    "ConvTranspose": _transposed,
    "MatMul": _product,
    "MatMulInteger": _product,
    "QLinearMatMul": _product,
    "Gemm": _product,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "LpPool": _pool,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
}
