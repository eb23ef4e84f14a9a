"""Reads an ONNX file into a graph that can be cut: checked, functions unfolded, weights taken out by digest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, inliner, numpy_helper

from ...core.errors import ConfigError, NotFound
from .graph import Graph, bodies, is_weight, reads
from .stored import weight_digest

REMEDY = "export the model again, and see that every file of it is there"


def load(source: str | Path | bytes) -> Graph:
    """A graph from an ONNX file, or from its bytes. Raises NotFound or ConfigError, naming what is wrong with it."""
    what = f"{len(source)} bytes" if isinstance(source, bytes) else str(source)
    try:
        return graph_of(_parsed(source))
    except FileNotFoundError:
        raise NotFound(f"no file {what}: capture reads an ONNX file; give its path") from None
    except ConfigError as error:
        raise ConfigError(f"{what}: {error}") from error
    except Exception as error:  # boundary: protobuf's and the checker's errors share no parent but Exception
        said = " ".join(str(error).split())[:300]
        raise ConfigError(
            f"{what} is no ONNX model that can be used: {said or type(error).__name__}; {REMEDY}"
        ) from error


def _parsed(source: str | Path | bytes) -> onnx.ModelProto:
    if isinstance(source, bytes):
        proto: onnx.ModelProto = onnx.load_model_from_string(source)
        if any(tensor.data_location == TensorProto.EXTERNAL for tensor in proto.graph.initializer):
            raise ConfigError("its weights are in another file, which bytes cannot name; give the path of the file")
        onnx.checker.check_model(source)
    else:
        proto = onnx.load(str(source), load_external_data=False)
        onnx.checker.check_model(str(source))  # by its path: weights outside are found and their paths checked
        external_data_helper.load_external_data_for_model(proto, str(Path(source).parent))
    return inliner.inline_local_functions(proto) if proto.functions else proto


def graph_of(proto: onnx.ModelProto) -> Graph:
    """A graph from a whole model that holds its weights. Raises ConfigError for what cannot be cut."""
    if proto.graph.sparse_initializer:
        raise ConfigError("it holds sparse weights, which cannot be held by digest; make them dense")
    made = onnx.ModelProto(ir_version=max(proto.ir_version, 4), producer_name="ganglion")
    made.opset_import.extend(proto.opset_import)
    made.graph.name = "model"
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        value = _constant(node)
        if value is None:
            made.graph.node.append(_bare(node))
        else:
            constants[node.output[0]] = value
    for value in proto.graph.input:
        if value.name not in constants:  # old files list their weights among the inputs
            made.graph.input.append(_tensor(value))
    made.graph.output.extend(_tensor(value) for value in proto.graph.output)
    _name_results(made.graph, constants)
    made.graph.value_info.extend(value for value in proto.graph.value_info if value.type.HasField("tensor_type"))
    return _stored(made, constants)


def _constant(node: onnx.NodeProto) -> NDArray[np.generic] | None:
    """The value of a Constant node, None for any other node."""
    if node.op_type != "Constant" or node.domain not in ("", "ai.onnx"):
        return None
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    kinds = {"value_float": np.float32, "value_floats": np.float32, "value_int": np.int64, "value_ints": np.int64}
    for name, value in given.items():
        if name == "value":
            return np.asarray(numpy_helper.to_array(value))
        if name in kinds:
            return np.asarray(value, kinds[name])
    raise ConfigError(
        f"its constant {node.output[0]!r} is made of {sorted(given)}; only tensors of numbers can be held"
    )


def _bare(node: onnx.NodeProto) -> onnx.NodeProto:
    """Without what an exporter notes about the source, so that the same model gives the same bytes."""
    bare = onnx.NodeProto()
    bare.CopyFrom(node)
    bare.name = bare.doc_string = ""
    del bare.metadata_props[:]
    return bare


def _tensor(value: onnx.ValueInfoProto) -> onnx.ValueInfoProto:
    kind = value.type.tensor_type
    if not value.type.HasField("tensor_type") or kind.elem_type == TensorProto.STRING:
        raise ConfigError(f"its input or output {value.name!r} is no tensor of numbers; only those can cross a link")
    return onnx.ValueInfoProto(name=value.name, type=onnx.TypeProto(tensor_type=kind))


def _name_results(graph: onnx.GraphProto, constants: dict[str, NDArray[np.generic]]) -> None:
    """Gives each result a node that makes it, where it is an input or a constant."""
    for value in graph.output:
        given = {one.name for one in graph.input}
        if value.name in given or value.name in constants:
            source, value.name = value.name, f"{value.name}_result"
            graph.node.append(helper.make_node("Identity", [source], [value.name]))


def _stored(made: onnx.ModelProto, constants: dict[str, NDArray[np.generic]]) -> Graph:
    """Moves weights out of the graph and calls them by their digests; drops constants that nobody reads."""
    settings: dict[str, set[str]] = {}
    inner = {name for node in made.graph.node for body in bodies(node) for one in body.node for name in reads(one)}
    for node in made.graph.node:
        for name in node.input[1:]:
            settings.setdefault(name, set()).add(node.op_type)
    read = {name for node in made.graph.node for name in reads(node)}
    names: dict[str, str] = {}
    weights: dict[str, NDArray[np.generic]] = {}
    for name, array in sorted(constants.items()):
        if name not in read:
            continue
        if name in inner or not is_weight(array, settings.get(name, set())):
            made.graph.initializer.append(numpy_helper.from_array(array, name))
            continue
        names[name] = weight_digest(array)
        if names[name] not in weights:
            weights[names[name]] = array
            made.graph.initializer.append(outside(names[name], array))
    for node in made.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    return Graph(made, weights, names)


def outside(name: str, array: NDArray[np.generic]) -> TensorProto:
    """An initializer without data."""
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=array.shape, data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="stored")
    return tensor
