"""One ONNX graph of a whole architecture: exits and boundaries are outputs, weights are initializers named as in torch.

Exporting takes seconds, so it is done once per architecture and the weights are bound later.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch.fx.graph import CodeGen

from ...core.errors import ConfigError
from ...core.model import Model
from ...core.rng import stream
from ...core.tensors import Tensors
from .arena import Arena
from .capture import boundaries_of, model_of
from .trace import Build, Traced, trace


@dataclass(frozen=True, eq=False)
class Architecture:
    """A whole graph whose initializers hold any values, and the model it was made from."""

    proto: onnx.ModelProto
    model: Model  # its `weights` are those of the trace, not of anything trained
    reusable: bool  # whether every weight is an initializer of its own, so that others can take its place


def architecture(build: Build, input_shape: tuple[int, ...], weights: Tensors | None = None) -> Architecture:
    """Exports a project's model. Without `weights` they are random and all different, so that none are merged."""
    with torch.random.fork_rng(devices=[]):
        arena = Arena(build())
    arena.load(weights or Tensors(_distinct(len(arena.flat)), arena.layout))
    traced = trace(arena.module, input_shape)
    model = model_of(traced, input_shape, "" if weights is None else weights.digest())
    proto = _bare(_export(traced, input_shape))
    held = {tensor.name: tuple(tensor.dims) for tensor in proto.graph.initializer}
    reusable = all(held.get(name) == shape for name, shape in arena.layout)
    return Architecture(proto, model, reusable)


def bound(made: Architecture, weights: Tensors) -> onnx.ModelProto:
    """A copy of the graph that holds these weights."""
    proto = copy.deepcopy(made.proto)
    named = dict(weights.items()) if made.reusable else {}
    for tensor in proto.graph.initializer:
        if tensor.name in named:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(named[tensor.name]), tensor.name))
    return proto


def _distinct(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Positive, for some of them are variances."""
    return stream(0, "any weights").uniform(0.1, 0.9, size).astype(np.float32)


def _export(traced: Traced, input_shape: tuple[int, ...]) -> onnx.ModelProto:
    boundaries = boundaries_of(traced)
    graph = traced.graph
    graph.graph.set_codegen(CodeGen())  # the traced one insists on the module's own number of outputs
    graph.graph.output_node().args = ((*traced.exits, *boundaries),)
    graph.recompile()
    names = [f"exit_{i}" for i in range(len(traced.exits))] + [f"boundary_{i}" for i in range(1, len(traced.exits))]
    with quiet():
        program = torch.onnx.export(
            graph,
            (torch.zeros(2, *input_shape),),
            dynamo=True,
            verbose=False,
            input_names=["input"],
            output_names=names,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    if program is None:
        raise ConfigError("the ONNX exporter gave no graph; run torch.onnx.export on the model to see why")
    return program.model_proto


def _bare(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Without what the exporter notes about the machine and the source, so that the same model gives the same bytes."""
    proto = copy.deepcopy(proto)
    proto.producer_name, proto.producer_version, proto.doc_string = "ganglion", "", ""
    proto.graph.name, proto.graph.doc_string = "model", ""
    del proto.metadata_props[:], proto.graph.metadata_props[:], proto.graph.value_info[:]
    for node in proto.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*proto.graph.input, *proto.graph.output]:
        value.doc_string = ""
        del value.metadata_props[:]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    for tensor in proto.graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
    return proto


@contextmanager
def quiet() -> Iterator[None]:
    """The exporter warns about optional packages and its own deprecations; what matters is raised."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
