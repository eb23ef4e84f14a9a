"""A project's module as a graph of ATen operations: one traced run, whatever the model's family.

What it knows of a model is one input tensor [batch, ...] and one tensor of logits per exit.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import GraphModule, Interpreter, Node
from torch.utils.flop_counter import FlopCounterMode

from ...core.errors import ConfigError
from .program import export, graph_of

Build = Callable[[], torch.nn.Module]


@dataclass(frozen=True, eq=False)
class Traced:
    """A graph, its one input and its exits' tensors, nearest first."""

    graph: GraphModule
    input: Node
    exits: tuple[Node, ...]

    def kernels(self) -> list[Node]:
        """Operations that depend on the input's values, in order; sizes and constants are no kernels."""
        data, found = {self.input}, []
        for node in self.graph.graph.nodes:
            if (
                node.op == "call_function"
                and not _is_size(node)
                and any(given in data for given in node.all_input_nodes)
            ):
                data.add(node)
                found.append(node)
        return found


def trace(module: torch.nn.Module, input_shape: tuple[int, ...]) -> Traced:
    """Captures a module for any batch size. Raises ConfigError for what cannot be captured."""
    takes = [name for name, one in inspect.signature(module.forward).parameters.items() if one.default is one.empty]
    if len(takes) != 1:
        raise ConfigError(f"the model takes {len(takes)} inputs; its forward must take one tensor [batch, ...]")
    graph = graph_of(export(module, {takes[0]: torch.zeros(2, *input_shape)}, {takes[0]: {0: "batch"}}))
    inputs = [node for node in graph.graph.nodes if node.op == "placeholder"]
    return Traced(graph, inputs[0], _exits(graph))


def _exits(graph: GraphModule) -> tuple[Node, ...]:
    returned = graph.graph.output_node().args[0]
    exits = tuple(returned) if isinstance(returned, (tuple, list)) else (returned,)
    for place, node in enumerate(exits, 1):
        shape = node.meta["val"].shape if isinstance(node, Node) and node.op == "call_function" else ()
        if len(shape) != 2:
            raise ConfigError(f"output {place} has shape {tuple(shape)}; each exit must give logits [batch, classes]")
    if len({exit.meta["val"].shape[1] for exit in exits}) != 1:
        raise ConfigError(
            f"the exits tell {[int(e.meta['val'].shape[1]) for e in exits]} classes apart; they must agree"
        )
    return exits


def _is_size(node: Node) -> bool:
    return not isinstance(node.meta.get("val"), (torch.Tensor, tuple, list))


class Counted(Interpreter):
    """Runs a graph and notes each kernel's multiply-adds (two operations each) and bytes of output."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph)
        self.flops: dict[str, int] = {}
        self.out_bytes: dict[str, int] = {}

    def run_node(self, n: Node) -> Any:
        """One node, counted."""
        with FlopCounterMode(display=False) as counter:
            out = super().run_node(n)
        size = out.numel() if isinstance(out, torch.Tensor) else 0
        self.flops[n.name] = counter.get_total_flops() or size  # anything else costs about one operation per value
        self.out_bytes[n.name] = 4 * size
        return out


def constants_of(node: Node, kernels: set[Node]) -> Iterator[str]:
    """Names of the parameters and buffers that a kernel reads, directly or through constants made of them."""
    seen: set[Node] = set()
    waiting = list(node.all_input_nodes)
    while waiting:
        given = waiting.pop()
        if given in seen or given in kernels or given.op == "placeholder" or _is_size_of(given):
            continue
        seen.add(given)
        if given.op == "get_attr":
            yield str(given.target)
        waiting.extend(given.all_input_nodes)


def _is_size_of(node: Node) -> bool:
    return node.op == "call_function" and _is_size(node)
