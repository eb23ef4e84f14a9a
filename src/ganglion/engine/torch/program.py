"""A module as a functional graph of ATen operations, or the line of the user's code that is in the way.

Two habits of torch.export would spoil every cut: operations in place, and a guard that reads the raw input.
"""

from __future__ import annotations

import linecache
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import torch
from torch.export import Dim, ExportedProgram
from torch.fx import GraphModule, Node

from ...core.errors import ConfigError

Dynamic = Mapping[str, Mapping[int, str]]  # input -> axis -> name of a length that may vary
FRAMES = (str(Path(torch.__file__).parent), str(Path(__file__).parents[1]), "<")  # no code of the user's
SIZED = (torch.ops.aten.view.default, torch.ops.aten.reshape.default, torch.ops.aten._unsafe_view.default)
REASONS = {  # what torch says -> what to do about it
    "data-dependent": "the program's way depends on the values of a tensor: choose with torch.where or torch.cond, "
    "or capture the ways as models of their own",
    "mark_dynamic": "a length that may vary is used as a fixed number: leave it out of `dynamic`, or compute with "
    "x.shape instead of a number",
    "Constraints violated": "a length that may vary is used as a fixed number: leave it out of `dynamic`, or compute "
    "with x.shape instead of a number",
}


def export(module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], dynamic: Dynamic) -> ExportedProgram:
    """A module as it answers, not as it learns. Raises ConfigError for what cannot be captured."""
    dims = {name: Dim(name) for axes in dynamic.values() for name in axes.values()}
    shapes = {name: {axis: dims[given] for axis, given in dynamic.get(name, {}).items()} for name in inputs}
    try:
        with _answering(module), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about its own internals; what matters is raised
            program = torch.export.export(module, (), dict(inputs), dynamic_shapes=shapes, strict=False)
            if any(_writes(node) for node in program.graph.nodes):
                program = program.run_decompositions({})  # no in-place operation is left, so any cut is sound
    except Exception as error:  # boundary: the user's forward runs in here and may raise anything
        raise _refused(error, inputs) from error
    written = [
        *program.graph_signature.buffers_to_mutate.values(),
        *program.graph_signature.user_inputs_to_mutate.values(),
    ]
    if written:
        raise ConfigError(
            f"the model cannot be captured: its forward writes into {', '.join(written)}, and a part of a model keeps "
            "nothing between two samples; return the new value as an output, and give it as an input"
        )
    return program


def graph_of(program: ExportedProgram) -> GraphModule:
    """The program as one graph with its weights as attributes; every node of it is needed for a result."""
    graph = program.module(check_guards=False)  # a guard would need the raw input behind every cut
    if not isinstance(graph, GraphModule):
        raise ConfigError(f"the model was captured as a {type(graph).__name__}, not as a graph")
    for node in graph.graph.nodes:
        if node.target in SIZED:
            _settle(node)
    for node in reversed(list(graph.graph.nodes)):  # checks of types and sizes are held to have effects, and stay else
        if node.op not in ("placeholder", "output") and not node.users:
            graph.graph.erase_node(node)
    graph.recompile()
    return graph


def _writes(node: Node) -> bool:
    """Whether an operation changes what it reads."""
    return bool(getattr(getattr(node.target, "_schema", None), "is_mutable", False))


def _settle(node: Node) -> None:
    """A reshape to one open length takes it from the tensor at hand, not from the input's."""
    sizes = node.args[1]
    if isinstance(sizes, Sequence) and any(isinstance(size, Node) for size in sizes):
        known = [size if isinstance(size, int) else -1 for size in node.meta["val"].shape]
        if known.count(-1) == 1 and 0 not in known:
            node.args = (node.args[0], known)


@contextmanager
def _answering(module: torch.nn.Module) -> Iterator[None]:
    """In evaluation mode; each part is put back into the mode that it was in."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _refused(error: Exception, inputs: Mapping[str, torch.Tensor]) -> ConfigError:
    text = str(error)
    shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in inputs.items())
    remedies = [remedy for said, remedy in REASONS.items() if said.lower() in text.lower()]
    said = " ".join(text.split())[:200] or type(error).__name__
    where = _line(error.__traceback__)
    remedy = remedies[0] if remedies else f"torch.export says: {said}; change that line to plain tensor operations"
    return ConfigError(f"the model cannot be captured for {shapes}: {where}{remedy}")


def _line(trace: TracebackType | None) -> str:
    """The deepest line of code that is neither torch's nor ours."""
    found = ""
    while trace is not None:
        file, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
        if not file.startswith(FRAMES):
            source = linecache.getline(file, line).strip()
            found = f"{file}:{line} in {trace.tb_frame.f_code.co_name}, `{source}`: "
        trace = trace.tb_next
    return found
