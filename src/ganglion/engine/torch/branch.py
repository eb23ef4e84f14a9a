"""Branches on a torch model: a small head after each named module or node, and one module that gives every exit.

The trunk computes as it did. What comes out can be trained, exported and cut at its exits like any model with exits.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.fx import GraphModule

from ...core.errors import ConfigError
from ...core.table import closest
from ..onnx.captured import Captured
from .threads import one_thread


@dataclass(frozen=True)
class Head:
    """The default branch: a convolution if asked for, pooling, one linear layer."""

    channels: int = 0  # of a 3 x 3 convolution before pooling; 0 = none
    side: int = 4  # rows and columns that pooling leaves

    def __call__(self, tap: tuple[int, ...], out: tuple[int, ...]) -> nn.Module:
        """A head from a tensor of shape `tap` to answers of shape `out`, both with their batch.

        Features [batch, f], maps [batch, c, h, w] and steps [batch, t, f] can give [batch, k]; steps can give as many
        steps [batch, t, k], and maps can give maps. Raises ConfigError for other shapes.
        """
        match len(tap), len(out):
            case 4, 2:
                return self._pooled(tap, out[1])
            case 2, 2:
                return nn.Linear(tap[1], out[1])
            case 3, 3 if tap[1] == out[1]:
                return nn.Linear(tap[2], out[2])
            case 3, 2:
                return nn.Sequential(nn.LayerNorm(tap[2]), MeanOfSteps(), nn.Linear(tap[2], out[1]))
            case 4, 4:
                return nn.Sequential(nn.Conv2d(tap[1], out[1], 1), nn.Upsample(size=out[2:]))
        raise ConfigError(
            f"no default head leads from a tensor {list(tap)} to answers {list(out)}; give a module that does"
        )

    def _pooled(self, tap: tuple[int, ...], answers: int) -> nn.Module:
        layers: list[nn.Module] = []
        width = tap[1]
        if self.channels:
            layers += [nn.Conv2d(width, self.channels, 3, padding=1), nn.ReLU()]
            width = self.channels
        sides = [min(self.side, length) for length in tap[2:]]
        if sides != list(tap[2:]):
            steps = [length // side for length, side in zip(tap[2:], sides, strict=True)]
            windows = [n - (side - 1) * step for n, side, step in zip(tap[2:], sides, steps, strict=True)]
            layers.append(nn.MaxPool2d((windows[0], windows[1]), (steps[0], steps[1])))  # covers every row and column
        return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * sides[0] * sides[1], answers))


class MeanOfSteps(nn.Module):
    """Steps [batch, t, f] to their mean [batch, f]."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The mean."""
        return x.mean(1)


class Branched(nn.Module):
    """A trunk with heads; the parameters of the one begin with "trunk.", those of the others with "heads."."""

    def __init__(self, trunk: nn.Module, after: Sequence[str], heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.trunk = trunk
        self.heads = nn.ModuleList(heads)
        self.after = tuple(after)  # in the order in which the trunk comes by

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The answer of each head, then the trunk's own."""
        seen, out = _Passing(self.trunk, self.after).run(x)
        return (*(head(seen[name]) for head, name in zip(self.heads, self.after, strict=True)), out)


def attach(
    model: nn.Module | Captured,
    example: torch.Tensor | tuple[torch.Tensor, ...],
    after: Sequence[str],
    heads: Head | Sequence[nn.Module | Head] = Head(),
    seed: int = 0,
) -> Branched:
    """A copy of a model with a head after each module of `after`, or after each node of a captured model.

    A captured model computes as when it answers, so its statistics and dropout rest while it learns; hang branches on
    the module itself where they should not. `heads` are one for each or one kind for all, with weights decided by
    `seed`. Raises ConfigError for a name that is not there or is not passed exactly once, and for a tensor from which
    no head leads to the answer.
    """
    inputs = example if isinstance(example, tuple) else (example,)
    if len(inputs) != 1:
        raise ConfigError(f"an example of {len(inputs)} inputs; branches hang on a model of one: wrap it in a module")
    kinds = [heads] * len(after) if isinstance(heads, Head) else list(heads)
    if not after or len(set(after)) != len(after) or len(kinds) != len(after):
        raise ConfigError(
            f"{len(kinds)} heads after {list(after)}; name at least one place, each once, a head for each"
        )
    trunk = _trunk(model, after)
    with one_thread(), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        seen, out = _Passing(trunk.eval(), _by_node(trunk, after)).run(inputs[0])
        _check(seen, after, out)
        named = dict(zip(after, kinds, strict=True))
        made = [_head(named[name], tuple(seen[name].shape), tuple(out.shape)) for name in seen]
    return Branched(trunk, list(seen), made)


class _Passing:
    """One run of a trunk that notes what its named places make, in the order in which they do."""

    def __init__(self, trunk: nn.Module, after: Sequence[str]) -> None:
        self._trunk, self._after = trunk, after
        self._seen: dict[str, torch.Tensor] = {}
        self._writes: dict[str, int] = {}  # in place, before the tensor was noted

    def run(self, x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """What was noted, and what the trunk gives."""
        if isinstance(self._trunk, GraphModule):
            *parts, out = self._trunk(x)
            return dict(zip(self._after, parts, strict=True)), out
        hooks = [self._trunk.get_submodule(name).register_forward_hook(self._note(name)) for name in self._after]
        try:
            out = self._trunk(x)
        finally:
            for hook in hooks:
                hook.remove()
        for name, tensor in self._seen.items():
            if tensor._version != self._writes[name]:
                raise ConfigError(f"what {name} gives is written over in place; hang the branch after that operation")
        return self._seen, out

    def _note(self, name: str) -> Any:
        def hook(module: nn.Module, given: Any, out: Any) -> None:
            if name in self._seen or not isinstance(out, torch.Tensor):
                what = "is passed more than once" if name in self._seen else f"gives a {type(out).__name__}"
                raise ConfigError(f"module {name} {what}; hang a branch after one that gives one tensor, once")
            self._seen[name] = out
            self._writes[name] = out._version

        return hook


def _by_node(trunk: nn.Module, after: Sequence[str]) -> Sequence[str]:
    """Names in the order of a graph's nodes; of modules, the run says which."""
    if not isinstance(trunk, GraphModule):
        return after
    return [node.name for node in trunk.graph.nodes if node.name in after]


def _trunk(model: nn.Module | Captured, after: Sequence[str]) -> nn.Module:
    if not isinstance(model, Captured):
        known = [name for name, _ in model.named_modules() if name]
        for name in after:
            if name not in known:
                raise ConfigError(f"the model has no module {name!r}; {closest(name, known)}")
        return copy.deepcopy(model)
    if model.source is None:
        raise ConfigError("a model captured from an ONNX file has no gradients; capture the torch module")
    graph: GraphModule = copy.deepcopy(model.source.graph)
    nodes = {node.name: node for node in graph.graph.nodes if node.op == "call_function"}
    for name in after:
        if name not in nodes:
            raise ConfigError(f"the captured model has no node {name!r}; {closest(name, nodes)}")
    if len(graph.graph.output_node().all_input_nodes) != 1:
        raise ConfigError("the model gives several results; branches hang on one that gives one: wrap it in a module")
    graph.graph.set_codegen(torch.fx.graph.CodeGen())  # the traced one insists on the model's own outputs
    (out,) = graph.graph.output_node().all_input_nodes
    graph.graph.output_node().args = ((*(nodes[name] for name in nodes if name in after), out),)
    graph.recompile()
    return graph


def _check(seen: dict[str, torch.Tensor], after: Sequence[str], out: Any) -> None:
    if not isinstance(out, torch.Tensor):
        raise ConfigError(f"the model gives a {type(out).__name__}; branches hang on a model that gives one tensor")
    missed = [name for name in after if name not in seen]
    if missed:
        raise ConfigError(f"the model does not pass {', '.join(missed)}; name places that every input passes")


def _head(kind: nn.Module | Head, tap: tuple[int, ...], out: tuple[int, ...]) -> nn.Module:
    return kind(tap, out) if isinstance(kind, Head) else copy.deepcopy(kind)
