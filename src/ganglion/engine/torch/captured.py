"""A torch module as a captured model: traced once, written to ONNX once; every cut after that is graph surgery.

Planning and running read the ONNX graph, whose nodes are what a runtime executes; the traced graph has other nodes (one
ATen operation may be many of ONNX) and a Model of its own, for cuts that stay in torch.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import onnx
import torch
from torch.fx import GraphModule

from ...core.errors import ConfigError
from ..onnx.captured import Captured, captured
from ..onnx.load import graph_of as onnx_graph_of
from .cut import TorchGraph
from .graph import quiet
from .kernels import model_of
from .program import Dynamic, export, graph_of
from .threads import one_thread

BATCH = "batch"


def capture_torch(module: torch.nn.Module, example: Any, dynamic: Dynamic | None = None) -> Captured:
    """From a module and what its forward takes: a tensor, several in order, or tensors by name.

    `dynamic` names lengths that may vary, {input: {axis: name}}; None lets the first axis of every input vary together.
    Raises ConfigError, with the line of the model's code where that is to blame.
    """
    inputs = _named(module, example)
    lengths = _batches(inputs) if dynamic is None else dynamic
    _check(inputs, lengths)
    with one_thread():
        program = export(module, _widened(inputs, lengths), lengths)
        proto = _proto(program)
        _name_inputs(proto, list(inputs))
        _name_lengths(proto, lengths)
        traced = graph_of(program)
        _own_results(traced)
        made = captured(onnx_graph_of(proto), {name: tensor.numpy(force=True) for name, tensor in inputs.items()})
        own = TorchGraph(traced, model_of(traced, inputs, made.model.weights))
    return Captured(made.model, made.graph, made.example, own, made._values)


def _named(module: torch.nn.Module, example: Any) -> dict[str, torch.Tensor]:
    """Example tensors by the names that forward gives them."""
    takes = inspect.signature(module.forward)
    try:
        if isinstance(example, Mapping):
            given = takes.bind(**example).arguments
        else:
            given = takes.bind(*(example if isinstance(example, (tuple, list)) else (example,))).arguments
    except TypeError as error:
        raise ConfigError(f"the example does not fit forward{takes}: {error}; give what a call would") from None
    made = {name: torch.as_tensor(value) if hasattr(value, "__array__") else value for name, value in given.items()}
    for name, value in made.items():
        if not isinstance(value, torch.Tensor):
            raise ConfigError(
                f"the example's {name} is a {type(value).__name__}; every argument of forward must be one tensor, "
                "so wrap the model in a module that takes tensors"
            )
    if not made:
        raise ConfigError(f"forward{takes} was given no tensor; a model needs an input")
    return made


def _batches(inputs: Mapping[str, torch.Tensor]) -> dict[str, dict[int, str]]:
    """The first axis of every input that is as long as the first one's."""
    first = next((tensor.shape[0] for tensor in inputs.values() if tensor.ndim), None)
    return {name: {0: BATCH} for name, tensor in inputs.items() if tensor.ndim and tensor.shape[0] == first}


def _check(inputs: Mapping[str, torch.Tensor], dynamic: Dynamic) -> None:
    seen: dict[str, int] = {}
    for name, axes in dynamic.items():
        if name not in inputs:
            raise ConfigError(f"dynamic names the input {name!r}; forward was given {', '.join(inputs)}")
        for axis, length in axes.items():
            shape = tuple(inputs[name].shape)
            if not 0 <= axis < len(shape) or not shape[axis]:
                raise ConfigError(
                    f"axis {axis} of {name} {shape} cannot vary; name an axis that is there and not empty"
                )
            if seen.setdefault(length, shape[axis]) != shape[axis]:
                raise ConfigError(
                    f"{length!r} is {seen[length]} long and, in {name}, {shape[axis]}; give an example in "
                    "which a name has one length"
                )


def _widened(inputs: Mapping[str, torch.Tensor], dynamic: Dynamic) -> dict[str, torch.Tensor]:
    """Torch takes a length of one for a constant, so the example that is traced has two of it."""
    made = dict(inputs)
    for name, axes in dynamic.items():
        for axis in axes:
            if made[name].shape[axis] == 1:
                made[name] = torch.cat([made[name]] * 2, axis)
    return made


def _proto(program: torch.export.ExportedProgram) -> onnx.ModelProto:
    try:
        with quiet():
            made = torch.onnx.export(program, dynamo=True, verbose=False)
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(f"the model has no form in ONNX: {_cause(error)}; replace that operation") from error
    if made is None:
        raise ConfigError("the ONNX exporter gave no graph; run torch.onnx.export on the model to see why")
    proto: onnx.ModelProto = made.model_proto
    return proto


def _cause(error: BaseException) -> str:
    """The innermost reason, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200] or type(error).__name__


def _name_inputs(proto: onnx.ModelProto, names: list[str]) -> None:
    """Calls the inputs what forward calls them; the exporter gives that name to a result where an input is one."""
    called: dict[str, str] = {}
    for value, name in zip(proto.graph.input, names, strict=True):
        if value.name != name:
            called |= {name: f"{name}_result", value.name: name}
    for node in proto.graph.node:
        node.input[:] = [called.get(name, name) for name in node.input]
        node.output[:] = [called.get(name, name) for name in node.output]
    for value in (*proto.graph.input, *proto.graph.output):
        value.name = called.get(value.name, value.name)


def _name_lengths(proto: onnx.ModelProto, dynamic: Dynamic) -> None:
    """Calls the lengths what the caller calls them."""
    called = {}
    for value in proto.graph.input:
        for axis, length in dynamic.get(value.name, {}).items():
            called[value.type.tensor_type.shape.dim[axis].dim_param] = length
    for dim in _dims(proto.graph):
        if dim.dim_param in called and dim.HasField("dim_param"):
            dim.dim_param = called[dim.dim_param]


def _dims(graph: onnx.GraphProto) -> Iterator[Any]:
    for value in (*graph.input, *graph.value_info, *graph.output):
        yield from value.type.tensor_type.shape.dim


def _own_results(graph: GraphModule) -> None:
    """Gives each result a node that makes it, where it is an input or a weight."""
    for node in list(graph.graph.output_node().all_input_nodes):
        if node.op != "call_function":
            with graph.graph.inserting_before(graph.graph.output_node()):
                copy = graph.graph.call_function(torch.ops.aten.clone.default, (node,))
            graph.graph.output_node().replace_input_with(node, copy)
    graph.recompile()
