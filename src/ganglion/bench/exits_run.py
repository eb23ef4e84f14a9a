"""A network with exits on ONNX Runtime, one sample at a time on one thread: its answers, exits and times."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.compute import Exported
from ..engine.memory import segment_of
from ..engine.onnx.runner import OnnxRunner
from ..engine.torch.arena import Arena
from ..engine.torch.export import Exporter
from ..infer import temperature

Array = NDArray[np.float32]
Run = Callable[[Array], list[Array]]
BATCH = 250


@dataclass(frozen=True, eq=False)
class Cut:
    """A network exported and cut at its exits."""

    exported: Exported
    temperatures: tuple[float, ...]  # per exit
    stages: tuple[Run, ...]  # each: the raw input or a boundary -> probabilities, then the next boundary

    @property
    def flops(self) -> tuple[int, ...]:
        """Of each stage, its exit included."""
        segment = segment_of(self.exported.model)
        return tuple(
            sum(kernel.flops for kernel in self.exported.model.kernels if segment[kernel.name] == place)
            for place in range(len(self.stages))
        )

    def says(self, x: Array) -> list[Array]:
        """Probabilities [n, classes] of every exit, stage by stage."""
        found: list[list[Array]] = [[] for _ in self.stages]
        for start in range(0, len(x), BATCH):
            given = x[start : start + BATCH]
            for place, run in enumerate(self.stages):
                said, *rest = run(given)
                found[place].append(said)
                given = rest[0] if rest else given
        return [np.concatenate(one) for one in found]

    def answer(self, x: Array, thresholds: Sequence[float]) -> tuple[int, Array]:
        """Which exit answers one sample [1, ...], and its probabilities [1, classes]."""
        for place, threshold in enumerate(thresholds):
            said, x = self.stages[place](x)
            if said.item(said.argmax()) >= threshold:  # a third of what said.max() takes
                return place, said
        return len(thresholds), self.stages[-1](x)[0]


def cut(module: Any, logits: Sequence[Array], y: NDArray[np.int64], x: Array, int8: bool = False) -> Cut:
    """Exports with one temperature per exit, fitted to `logits` of held-out samples; `x` are examples of the input."""
    temperatures = tuple(temperature(one, y) for one in logits)
    exported = Exporter(lambda: copy.deepcopy(module)).export(
        Arena(copy.deepcopy(module)).save(), temperatures, x, int8
    )
    load = OnnxRunner().load
    graphs = {(first, last): graph for first, last, graph in exported.graphs}
    stages = tuple(load(graphs[at, at + 1], exported.weights) for at in range(len(exported.model.exits)))
    return Cut(exported, temperatures, stages)


def race(runners: dict[str, Callable[[Array], Any]], samples: dict[str, list[Array]], rounds: int) -> dict[str, float]:
    """Seconds of this thread's CPU per sample: the least over rounds in which all take turns.

    Others on the machine can only add to it, so the least is nearest to what it takes.
    """
    least = dict.fromkeys(runners, float("inf"))
    for _ in range(rounds + 1):  # the first warms up, and would not be the least
        for name, run in runners.items():
            began = time.thread_time()
            for one in samples[name]:
                run(one)
            least[name] = min(least[name], (time.thread_time() - began) / len(samples[name]))
    return least


@dataclass(frozen=True)
class Raced:
    """Mean seconds per sample."""

    full_s: float  # the trunk without exits
    exits_s: float
    first_s: float  # the first stage on every sample
    rest_s: tuple[float, ...]  # each later stage on the samples that reach it
    reach: tuple[float, ...]  # share of samples that reach each stage

    @property
    def speedup(self) -> float:
        """Of the trunk without exits."""
        return self.full_s / self.exits_s

    @property
    def ceiling(self) -> float:
        """The speed-up if deciding cost nothing."""
        stages = (self.first_s, *self.rest_s)
        return self.full_s / sum(share * one for share, one in zip(self.reach, stages, strict=True))


def time_exits(made: Cut, full: Run, x: Array, thresholds: Sequence[float], rounds: int) -> Raced:
    """The network with its exits against the trunk without, and each stage by itself, on the same samples."""
    singles = [x[at : at + 1] for at in range(len(x))]
    given: list[list[Array]] = [singles]
    for place, threshold in enumerate(thresholds):
        seen = [made.stages[place](one) for one in given[-1]]
        given.append([boundary for said, boundary in seen if said.max() < threshold])
    names = [f"stage {place}" for place in range(len(made.stages)) if given[place]]
    runners: dict[str, Callable[[Array], Any]] = {"full": full, "exits": lambda one: made.answer(one, thresholds)}
    runners |= dict(zip(names, made.stages, strict=False))
    samples = {"full": singles, "exits": singles} | dict(zip(names, given, strict=False))
    least = race(runners, samples, rounds)
    stages = [least.get(f"stage {place}", 0.0) for place in range(len(made.stages))]
    reach = tuple(len(one) / len(singles) for one in given)
    return Raced(least["full"], least["exits"], stages[0], tuple(stages[1:]), reach)
