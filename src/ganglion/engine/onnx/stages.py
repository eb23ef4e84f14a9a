"""Cuts one whole graph into every stage a node could be given, and takes the weights out of all of them.

Cutting is graph surgery only, so a stage computes with the same operations as the whole.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from ...core.errors import ConfigError

INLINE = (TensorProto.INT64, TensorProto.BOOL)  # shapes and axes: part of the architecture, and tiny
MODEL_INPUT = "input"


def exits_in(proto: onnx.ModelProto) -> int:
    """How many exits a whole graph has."""
    return sum(value.name.startswith("exit_") for value in proto.graph.output)


def calibrate(proto: onnx.ModelProto, temperatures: tuple[float, ...]) -> None:
    """Appends softmax(logits / temperature) to each exit; temperatures are initializers like any weight."""
    graph, exits = proto.graph, exits_in(proto)
    if len(temperatures) != exits or not all(0 < one < float("inf") for one in temperatures):
        raise ConfigError(f"temperatures {temperatures} for {exits} exits; give one positive number per exit")
    for place, temperature in enumerate(temperatures):
        divisor = np.array(temperature, np.float32)
        graph.initializer.append(numpy_helper.from_array(divisor, f"temperature_{place}"))
        made = [f"exit_{place}_scaled", f"probabilities_{place}"]
        graph.node.append(helper.make_node("Div", [f"exit_{place}", f"temperature_{place}"], made[:1], name=made[0]))
        graph.node.append(helper.make_node("Softmax", made[:1], made[1:], name=made[1], axis=-1))


def stage(proto: onnx.ModelProto, first: int, last: int) -> onnx.ModelProto:
    """Segments [first, last) of a calibrated graph, weights included."""
    exits = exits_in(proto)
    given = MODEL_INPUT if first == 0 else f"boundary_{first}"
    wanted = [f"probabilities_{place}" for place in range(first, last)]
    wanted += [f"boundary_{last}"] if last < exits else []
    nodes, read = _above(proto, wanted, given)
    shapes = {value.name: value for value in [*proto.graph.input, *proto.graph.output]}
    for place in range(first, last):
        value = onnx.ValueInfoProto()
        value.CopyFrom(shapes[f"exit_{place}"])
        value.name = f"probabilities_{place}"
        shapes[value.name] = value
    made = helper.make_model(
        helper.make_graph(
            nodes,
            f"segments_{first}_{last}",
            [shapes[given]],
            [shapes[name] for name in wanted],
            sorted((t for t in proto.graph.initializer if t.name in read), key=lambda t: t.name),
        ),
        opset_imports=proto.opset_import,
        ir_version=proto.ir_version,
        producer_name="ganglion",
    )
    return made


def _above(proto: onnx.ModelProto, wanted: list[str], given: str) -> tuple[list[onnx.NodeProto], set[str]]:
    """The nodes between `given` and `wanted`, in order, and every name they read."""
    maker = {name: node for node in proto.graph.node for name in node.output}
    weights = {tensor.name for tensor in proto.graph.initializer}
    needed: dict[str, onnx.NodeProto] = {}
    read: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in read or not name:
            continue
        read.add(name)
        if name == given or name in weights:
            continue
        if name not in maker:
            raise ConfigError(f"the stage after {given!r} also reads {name!r}; a stage may read one tensor only")
        node = _local(maker[name], given)
        needed[node.output[0]] = node
        waiting.extend(node.input)
    return [needed[node.output[0]] for node in proto.graph.node if node.output[0] in needed], read


def _local(node: onnx.NodeProto, given: str) -> onnx.NodeProto:
    """A node that asks only for the batch size may ask any tensor for it: every boundary's first axis is the batch."""
    takes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.op_type != "Shape" or (takes.get("start"), takes.get("end")) != (0, 1):
        return node
    near = onnx.NodeProto()
    near.CopyFrom(node)
    near.input[0] = given
    return near


def take_weights(proto: onnx.ModelProto) -> dict[str, NDArray[np.generic]]:
    """Moves the weights out of a stage, leaving their names, types and shapes."""
    taken: dict[str, NDArray[np.generic]] = {}
    for tensor in proto.graph.initializer:
        if tensor.data_type in INLINE:
            continue
        taken[tensor.name] = numpy_helper.to_array(tensor)
        bare = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        bare.data_location = TensorProto.EXTERNAL
        bare.external_data.add(key="location", value="stored")
        tensor.CopyFrom(bare)
    return taken
