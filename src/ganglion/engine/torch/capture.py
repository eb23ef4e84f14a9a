"""A project's model as the planner sees it, from one traced run; no code per model."""

from __future__ import annotations

import warnings

import torch
from torch.fx import Node

from ...core.errors import ConfigError
from ...core.model import Kernel, Model
from ...core.tensors import Tensors
from .arena import Arena
from .trace import Build, Counted, Traced, constants_of, trace


def capture(build: Build, weights: Tensors, input_shape: tuple[int, ...]) -> Model:
    """The DAG of kernels, its exits, and where it can be cut. `input_shape` is without the batch.

    Raises ConfigError where segments are joined by more than one tensor, naming them.
    """
    with torch.random.fork_rng(devices=[]):
        arena = Arena(build())
    arena.load(weights)
    return model_of(trace(arena.module, input_shape), input_shape, weights.digest())


def model_of(traced: Traced, input_shape: tuple[int, ...], weights: str) -> Model:
    """A traced module as a Model; `weights` is their digest."""
    kernels = traced.kernels()
    names = {node: node.name for node in kernels} | {traced.input: "input"}
    counted = Counted(traced.graph)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted.run(torch.zeros(1, *input_shape))
    sizes = {name: 4 * tensor.numel() for name, tensor in traced.graph.state_dict().items()}
    known = set(kernels)
    made = tuple(
        Kernel(
            name=node.name,
            op=str(node.target).removeprefix("aten.").partition(".")[0],
            inputs=tuple(dict.fromkeys(names[given] for given in node.all_input_nodes if given in names)),
            out_bytes=counted.out_bytes[node.name],
            param_bytes=sum(sizes.get(name, 0) for name in set(constants_of(node, known))),
            flops=counted.flops[node.name],
        )
        for node in kernels
    )
    return Model(
        kernels=made,
        input_shape=input_shape,
        classes=int(traced.exits[0].meta["val"].shape[1]),
        exits=tuple(node.name for node in traced.exits),
        boundaries=("input", *(node.name for node in boundaries_of(traced))),
        weights=weights,
    )


def boundaries_of(traced: Traced) -> list[Node]:
    """The one tensor at the beginning of each segment but the first. Raises ConfigError where there are several."""
    kernels = traced.kernels()
    segment = _segments(traced, set(kernels))
    found = []
    for first in range(1, len(traced.exits)):
        crossing = {
            given: None
            for node in kernels
            if segment.get(node, -1) >= first
            for given in node.all_input_nodes
            if given is traced.input or segment.get(given, first) < first
        }
        if len(crossing) != 1 or traced.input in crossing:
            raise ConfigError(
                f"segments {first} and {first + 1} are joined by {[node.name for node in crossing]}; a model can be "
                "cut where one tensor made by the earlier segment is all that later ones read: branch each exit off "
                "one trunk, and let nothing later read the input or an exit"
            )
        found.append(next(iter(crossing)))
    return found


def _segments(traced: Traced, kernels: set[Node]) -> dict[Node, int]:
    """The segment of each kernel: the first exit that needs it."""
    found: dict[Node, int] = {}
    for place, logits in enumerate(traced.exits):
        if logits in found:
            raise ConfigError(f"exit {place + 1} computes nothing that an earlier exit has not; return each exit once")
        waiting = [logits]
        while waiting:
            node = waiting.pop()
            if node in kernels and node not in found:
                found[node] = place
                waiting.extend(node.all_input_nodes)
    return found
