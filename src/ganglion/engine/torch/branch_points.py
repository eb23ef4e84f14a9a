"""Where a branch may hang: the tensors of a module that are all that anything later needs, and the work done so far."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.fx import GraphModule, Node

from ...core.errors import ConfigError
from .kernels import model_of, moving
from .program import export, graph_of
from .threads import one_thread


@dataclass(frozen=True)
class Point:
    """One tensor through which all that comes later must pass."""

    node: str  # of the captured model
    module: str  # whose last tensor it is, the outermost one; "" where no module ends there
    share: float  # of the whole's operations that are done when it is there
    shape: tuple[int, ...]


def points(module: torch.nn.Module, example: torch.Tensor) -> tuple[Point, ...]:
    """Every such tensor, nearest to the input first, without the answer. Raises ConfigError where capturing fails."""
    with one_thread():
        graph = graph_of(export(module, {_input(module): example}, {}))
        model = model_of(graph, {_input(module): example}, "")
    total, spent, found = sum(kernel.flops for kernel in model.kernels), 0, []
    nodes = moving(graph)
    needed = _needed(graph, nodes)
    for place, (node, kernel) in enumerate(zip(nodes, model.kernels, strict=True)):
        spent += kernel.flops
        if needed[place] == {node} and place + 1 < len(nodes):
            found.append(Point(node.name, _ends(node, nodes[place + 1 :]), spent / total, kernel.out_shape))
    return tuple(found)


def choose_points(found: Sequence[Point], shares: Sequence[float]) -> list[str]:
    """For each share of the operations, the module that ends nearest to it. Raises ConfigError for too few."""
    left = [one for one in found if one.module]
    if len(left) < len(shares):
        raise ConfigError(f"{len(shares)} branches for a model with {len(left)} places for one; ask for fewer")
    chosen = []
    for share in shares:
        best = min(left, key=lambda one: abs(one.share - share))
        left.remove(best)
        chosen.append(best)
    return [one.module for one in sorted(chosen, key=lambda one: one.share)]


def _input(module: torch.nn.Module) -> str:
    return next(iter(inspect.signature(module.forward).parameters))


def _needed(graph: GraphModule, nodes: Sequence[Node]) -> list[set[Node]]:
    """After each node, the tensors made so far that something later reads, the input among them."""
    known = {*nodes, *(node for node in graph.graph.nodes if node.op == "placeholder")}
    last = {given: place for place, node in enumerate(nodes) for given in node.all_input_nodes if given in known}
    last |= dict.fromkeys(graph.graph.output_node().all_input_nodes, len(nodes))
    made: set[Node] = known - set(nodes)
    found = []
    for place, node in enumerate(nodes):
        made = {one for one in made | {node} if last.get(one, -1) > place}
        found.append(made)
    return found


def _ends(node: Node, later: Sequence[Node]) -> str:
    """The outermost module whose last node it is; the model itself is none."""
    inside = {path for one in later for path in _paths(one)}
    ended = [path for path in _paths(node) if path and path not in inside]
    return min(ended, key=len, default="")


def _paths(node: Node) -> list[str]:
    return [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
