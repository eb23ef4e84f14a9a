"""Cuts a graph into a part per place: graph surgery only, so a part computes with the whole's own operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import onnx
from onnx import helper

from ...core.cut import Cut
from ...core.model import Model
from .graph import Graph, reads
from .kernels import kernels
from .part import Part

Values = Mapping[str, onnx.ValueInfoProto]


@dataclass
class _Drawn:
    """One place's nodes, and the tensors it must be given."""

    nodes: set[int] = field(default_factory=set)
    given: set[str] = field(default_factory=set)


def cut_graph(graph: Graph, values: Values, model: Model, cut: Cut, places: int) -> tuple[Part, ...]:
    """A part for each of `places` places; `values` declares every tensor that may cross.

    Raises ConfigError for a cut of another model, or one that goes back towards the input.
    """
    cut.check(model)
    order = kernels(graph)
    free = [kernel.free for kernel in model.kernels]
    at = dict(zip(order, cut.places, strict=True))  # node -> place
    copied = {node for node, one in zip(order, free, strict=True) if one}
    results = set(graph.outputs)
    drawn = []
    for place in range(places):
        own = [
            node
            for node in order
            if at[node] == place and (node not in copied or results.intersection(graph.nodes[node].output))
        ]
        drawn.append(_draw(graph, own, at, copied, place))
    return tuple(_part(graph, values, drawn, place, at, copied) for place in range(places))


def _draw(graph: Graph, own: list[int], at: Mapping[int, int], copied: set[int], place: int) -> _Drawn:
    """A place's own nodes, the free and constant ones they need again, and what must come from before."""
    drawn = _Drawn()
    waiting = list(own)
    while waiting:
        node = waiting.pop()
        if node in drawn.nodes:
            continue
        drawn.nodes.add(node)
        for name in reads(graph.nodes[node]):
            maker = graph.maker.get(name)
            if name in graph.inputs:
                drawn.given.add(name)
            elif maker is None:
                continue
            elif maker in copied or maker not in at or at[maker] == place:
                waiting.append(maker)
            else:
                drawn.given.add(name)
    return drawn


def _part(
    graph: Graph, values: Values, drawn: list[_Drawn], place: int, at: Mapping[int, int], copied: set[int]
) -> Part:
    beyond = {name for later in drawn[place + 1 :] for name in later.given}
    mine = [
        name
        for node in sorted(drawn[place].nodes)
        for name in graph.nodes[node].output
        if at.get(node) == place and (name in graph.outputs or (name in beyond and node not in copied))
    ]
    earlier = [name for name in beyond if name in graph.inputs or at[graph.maker[name]] < place]
    sends = [name for name in (*graph.inputs, *graph.maker) if name in beyond and (name in earlier or name in mine)]
    inputs = tuple(name for name in (*graph.inputs, *graph.maker) if name in drawn[place].given)
    made = _proto(graph, values, drawn[place].nodes, inputs, mine) if mine else b""
    return Part(made, inputs if mine else (), tuple(mine), tuple(sends))


def _proto(graph: Graph, values: Values, nodes: set[int], inputs: tuple[str, ...], outputs: list[str]) -> bytes:
    chosen = [graph.nodes[node] for node in sorted(nodes)]
    read = {name for node in chosen for name in reads(node)}
    made = helper.make_model(
        helper.make_graph(
            chosen,
            "part",
            [values[name] for name in inputs],
            [values[name] for name in outputs],
            [tensor for name, tensor in sorted(graph.constants.items()) if name in read],
        ),
        opset_imports=graph.proto.opset_import,
        ir_version=graph.proto.ir_version,
        producer_name="ganglion",
    )
    return bytes(made.SerializeToString(deterministic=True))
