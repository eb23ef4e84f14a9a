"""Cuts a traced graph into a torch module per place. The operations are the whole's own, so the bits are too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.fx import Graph, GraphModule, Node
from torch.utils import _pytree as pytree

from ...core.cut import Cut
from ...core.model import Model
from ..stages import Stages
from .kernels import name_of, results_of
from .threads import one_thread


@dataclass(frozen=True, eq=False)
class TorchPart:
    """What one place runs; a place without a module computes nothing."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sends: tuple[str, ...]
    module: GraphModule | None

    def __call__(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The part's outputs by name."""
        if self.module is None:
            return {}
        with one_thread(), torch.no_grad():
            found = self.module(*(_tensor(given[name]) for name in self.inputs))
        return dict(zip(self.outputs, found, strict=True))


@dataclass(frozen=True, eq=False)
class TorchGraph:
    """A traced graph and its own Model, whose kernels are the graph's nodes by name."""

    graph: GraphModule
    model: Model

    def run(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The whole graph on a batch; tensors or arrays by name."""
        with one_thread(), torch.no_grad():
            found = pytree.tree_leaves(self.graph(**{name: _tensor(inputs[name]) for name in self.model.inputs}))
        returned = pytree.tree_leaves(self.graph.graph.output_node().args[0])
        return {node.name: value for node, value in zip(returned, found, strict=True) if isinstance(node, Node)}

    def cut(self, cut: Cut, places: int = 0) -> tuple[TorchPart, ...]:
        """A part per place. Raises ConfigError for a cut of another model."""
        cut.check(self.model)
        drawing = _Drawing(self.graph, self.model, cut)
        return drawing.parts(places or 1 + max(cut.places, default=0))

    def open(self, parts: tuple[TorchPart, ...]) -> Stages:
        """Parts that run in this process, one after the other."""
        return Stages(parts, self.model.outputs)


def _tensor(value: Any) -> Any:
    """Arrays as tensors; tensors and numbers as they are."""
    return torch.from_numpy(value) if isinstance(value, np.ndarray) else value


@dataclass
class _Drawing:
    """One cut being made."""

    graph: GraphModule
    model: Model
    cut: Cut
    at: dict[str, int] = field(init=False)
    free: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.cut.of(self.model)
        self.free = {kernel.name for kernel in self.model.kernels if kernel.free}

    def parts(self, places: int) -> tuple[TorchPart, ...]:
        """A part per place."""
        drawn = [self._draw(place) for place in range(places)]
        results = {node.name for node in results_of(self.graph)}
        made = []
        for place, (nodes, given) in enumerate(drawn):
            beyond = {node for _, later in drawn[place + 1 :] for node in later}
            outputs = [
                node
                for node in nodes
                if self.at.get(node.name) == place
                and (node.name in results or (node in beyond and node.name not in self.free))
            ]
            sends = [name_of(n) for n in self.graph.graph.nodes if n in beyond and self.at.get(n.name, 0) <= place]
            module = self._module(nodes, given, outputs) if outputs else None
            inputs = tuple(name_of(node) for node in given) if outputs else ()
            made.append(TorchPart(inputs, tuple(node.name for node in outputs), tuple(sends), module))
        return tuple(made)

    def _draw(self, place: int) -> tuple[list[Node], list[Node]]:
        """Nodes to run at a place, and those that it must be given, both in the graph's order."""
        results = set(results_of(self.graph))
        order = list(self.graph.graph.nodes)
        own = [n for n in order if self.at.get(n.name) == place and (n.name not in self.free or n in results)]
        nodes: set[Node] = set()
        given: set[Node] = set()
        waiting = own
        while waiting:
            node = waiting.pop()
            if node in nodes:
                continue
            nodes.add(node)
            for read in node.all_input_nodes:
                here = read.name in self.free or self.at.get(read.name, place) == place
                (waiting.append if here and read.op != "placeholder" else given.add)(read)
        return [node for node in order if node in nodes], [node for node in order if node in given]

    def _module(self, nodes: list[Node], given: list[Node], outputs: list[Node]) -> GraphModule:
        graph = Graph()
        made = {node: graph.placeholder(node.name) for node in given}
        for node in nodes:
            made[node] = graph.node_copy(node, lambda read: made[read])
        graph.output(tuple(made[node] for node in outputs))
        return GraphModule(self.graph, graph)
