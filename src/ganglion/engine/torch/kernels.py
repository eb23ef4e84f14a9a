"""A traced graph of ATen operations as a core Model, for cutting in torch; planning reads the ONNX graph instead."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.fx import GraphModule, Interpreter, Node
from torch.utils.flop_counter import FlopCounterMode

from ...core.model import Kernel, Model
from ..free import Draft, mark_free

TABLES = ("embedding", "index", "index_select", "gather", "take")


def moving(graph: GraphModule) -> list[Node]:
    """The nodes that depend on the inputs, if only on their shapes, and constant results: these are the kernels."""
    known = {node for node in graph.graph.nodes if node.op == "placeholder"}
    found = []
    for node in graph.graph.nodes:
        if node.op == "call_function" and (known.intersection(node.all_input_nodes) or _is_result(node)):
            known.add(node)
            found.append(node)
    return found


def model_of(graph: GraphModule, example: Mapping[str, torch.Tensor], digest: str) -> Model:
    """The DAG of kernels with their sizes for an example; `digest` is of weights and graph."""
    run = _Counted(graph)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run.run(*example.values())
    nodes = moving(graph)
    known = set(nodes)
    held = {name: tensor.numel() * tensor.element_size() for name, tensor in _attributes(graph).items()}
    drafts = [_draft(node, known, run, held) for node in nodes]
    first = next(iter(example.values()))
    results = results_of(graph)
    return Model(
        kernels=mark_free(drafts, [name for name, tensor in example.items() if not tensor.is_floating_point()]),
        input_shape=tuple(first.shape[1:]),
        classes=(run.shapes[results[0].name] or (0,))[-1],
        exits=(),
        boundaries=(),
        weights=digest,
        inputs=tuple(example),
        input_bytes=tuple(tensor.numel() * tensor.element_size() for tensor in example.values()),
        outputs=tuple(dict.fromkeys(node.name for node in results)),
    )


def name_of(node: Node) -> str:
    """A kernel is called as its node, an input as forward calls it."""
    return str(node.target) if node.op == "placeholder" else node.name


def results_of(graph: GraphModule) -> list[Node]:
    """The nodes that the graph returns."""
    return list(graph.graph.output_node().all_input_nodes)


def constants_of(node: Node, kernels: set[Node]) -> set[str]:
    """Names of the parameters and buffers that a kernel reads, directly or through constants made of them."""
    found: set[str] = set()
    for given in node.all_input_nodes:
        if given.op == "get_attr":
            found.add(str(given.target))
        elif given.op == "call_function" and given not in kernels:
            found |= constants_of(given, kernels)
    return found


def _draft(node: Node, known: set[Node], run: _Counted, held: Mapping[str, int]) -> Draft:
    op = str(getattr(node.target, "__name__", node.target)).partition(".")[0]  # without which overload it is
    table = op in TABLES and node.all_input_nodes[0] not in known and node.all_input_nodes[0].op != "placeholder"
    kernel = Kernel(
        name=node.name,
        op=op,
        inputs=tuple(name_of(n) for n in node.all_input_nodes if n in known or n.op == "placeholder"),
        out_bytes=run.nbytes[node.name],
        param_bytes=sum(held[name] for name in constants_of(node, known)),
        flops=run.flops[node.name],
        out_shape=run.shapes[node.name],
    )
    return Draft(kernel, run.values[node.name], op in ("sym_size", "sym_numel", "sym_stride"), table)


def _attributes(graph: GraphModule) -> dict[str, torch.Tensor]:
    held: dict[str, torch.Tensor] = {**dict(graph.named_parameters()), **dict(graph.named_buffers())}
    for node in graph.graph.nodes:
        if node.op == "get_attr" and node.target not in held:
            value: Any = graph
            for part in str(node.target).split("."):
                value = getattr(value, part)
            held[str(node.target)] = value
    return held


def _is_result(node: Node) -> bool:
    return any(user.op == "output" for user in node.users)


class _Counted(Interpreter):
    """Runs a graph and notes what each node makes and costs."""

    def __init__(self, graph: GraphModule) -> None:
        super().__init__(graph)
        self.flops: dict[str, int] = {}
        self.values: dict[str, int] = {}
        self.nbytes: dict[str, int] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}

    def run_node(self, n: Node) -> Any:
        """One node, counted."""
        with FlopCounterMode(display=False) as counter:
            out = super().run_node(n)
        parts = out if isinstance(out, (tuple, list)) else (out,)
        tensors = [part for part in parts if isinstance(part, torch.Tensor)]
        self.values[n.name] = sum(tensor.numel() for tensor in tensors)
        self.nbytes[n.name] = sum(tensor.numel() * tensor.element_size() for tensor in tensors) or 8  # or one integer
        self.shapes[n.name] = tuple(tensors[0].shape) if tensors else ()
        # anything that torch does not count costs about one operation per value; an integer costs nothing
        self.flops[n.name] = counter.get_total_flops() or self.values[n.name]
        return out
