"""A graph as the planner sees it: one kernel per node that depends on the inputs, so that both name the same things."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import NodeProto

from ...core.model import Kernel, Model
from ..free import Draft, mark_free
from .flops import flops
from .graph import Graph, reads
from .types import Seen

SIZES = ("Shape", "Size")
TABLES = ("Gather", "GatherElements", "GatherND")


def model_of(graph: Graph, seen: Mapping[str, Seen]) -> Model:
    """The DAG of kernels, with their sizes as they were seen in one run.

    Constant nodes (a weight transposed, or taken from int8) belong to whichever kernel reads them.
    """
    first = seen[graph.inputs[0]] if graph.inputs else None
    result = seen[graph.outputs[0]].shape
    drafts = [_draft(graph, place, seen) for place in kernels(graph)]
    indices = [name for name in graph.inputs if seen[name].dtype.kind in "iub"]
    return Model(
        kernels=mark_free(drafts, indices),
        input_shape=first.shape[1:] if first else (),
        classes=result[-1] if result else 0,
        exits=(),
        boundaries=(),
        weights=graph.digest(),
        inputs=graph.inputs,
        input_bytes=tuple(seen[name].nbytes for name in graph.inputs),
        outputs=tuple(dict.fromkeys(name_of(graph.nodes[graph.maker[name]]) for name in graph.outputs)),
    )


def kernels(graph: Graph) -> list[int]:
    """The nodes that are kernels, by their places: those that depend on an input, or are themselves a result."""
    wanted = set(graph.outputs)
    return [
        place
        for place, (node, moves) in enumerate(zip(graph.nodes, graph.moving, strict=True))
        if moves or wanted.intersection(node.output)
    ]


def name_of(node: NodeProto) -> str:
    """A kernel is called by the first tensor it makes. One that makes several sends all that are read beyond."""
    return str(next(name for name in node.output if name))


def _draft(graph: Graph, place: int, seen: Mapping[str, Seen]) -> Draft:
    node = graph.nodes[place]
    made = [seen[name] for name in node.output if name]
    data, weights = given(graph, place)
    kernel = Kernel(
        name=name_of(node),
        op=node.op_type,
        inputs=tuple(dict.fromkeys(_source(graph, name) for name in data)),
        out_bytes=sum(one.nbytes for one in made),
        param_bytes=sum(seen[name].nbytes for name in weights),
        flops=flops(node, seen),
        out_shape=made[0].shape,
    )
    table = node.op_type in TABLES and any(name in graph.weights for name in given_by(graph, node.input[0]))
    return Draft(kernel, sum(one.size for one in made), node.op_type in SIZES, table)


def _source(graph: Graph, name: str) -> str:
    return name_of(graph.nodes[graph.maker[name]]) if name in graph.maker else name


def given(graph: Graph, place: int) -> tuple[list[str], set[str]]:
    """What a kernel reads: tensors of other kernels and inputs, in order, and digests of weights."""
    data: list[str] = []
    weights: set[str] = set()
    for name in reads(graph.nodes[place]):
        maker = graph.maker.get(name)
        if name in graph.inputs or (maker is not None and graph.moving[maker]):
            data.append(name)
        else:
            weights |= given_by(graph, name)
    return data, weights


def given_by(graph: Graph, name: str) -> set[str]:
    """Digests of the weights behind a constant tensor; none for one that depends on an input."""
    if name in graph.weights:
        return {name}
    maker = graph.maker.get(name)
    if maker is None or graph.moving[maker]:
        return set()
    return {one for inner in reads(graph.nodes[maker]) for one in given_by(graph, inner)}
