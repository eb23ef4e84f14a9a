"""A project's folder in the simulator, with stage times declared from the model's size."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from ..core.compute import Initial
from ..core.label import Zone
from ..core.model import Model
from ..core.profile import Profile, StageTime
from ..core.ref import Ref
from ..engine.torch import TorchEngine, capture
from ..project import resolve
from ..run import Setup, simulated_world
from ..sim.world import SimFleet

CALL_S = 10e-6  # declared: one call of a runtime
FLOPS_S = 2e9  # declared: one core on small kernels; a node's `slowdown` multiplies it
TAIL = 1.5  # declared: 95th percentile over median


def simulated(setup: Setup, seed: int) -> AbstractContextManager[SimFleet]:
    """All nodes of the set-up on a virtual clock, running."""
    loaded = resolve(setup.spec)
    shape = loaded.project.examples("calibration").x.shape[1:]
    profile = declared_profile(model_of(loaded.build, shape))
    return simulated_world(replace(setup, profiles={int(zone): profile for zone in Zone}), seed, loaded)


def model_of(build: Callable[[], Any], input_shape: tuple[int, ...]) -> Model:
    """The project's model with fresh weights, as the planner sees it."""
    return capture(build, TorchEngine(build, _no_data).answer(Initial(("initial",))), input_shape)


def _no_data(ref: Ref) -> bytes:
    raise LookupError(f"fresh weights need no data, {ref.digest[:12]} was asked for")


def declared_profile(model: Model) -> Profile:
    """Seconds per stage from multiply-adds; the order of magnitude is right, and the same everywhere."""
    flops = segment_flops(model)
    stages = []
    for first, last in model.stages():
        p50_s = CALL_S + sum(flops[first:last]) / FLOPS_S
        stages.append(StageTime(first, last, p50_s, TAIL * p50_s))
    return Profile("", "declared", "onnxruntime", 1, "one core", "declared from the model's size", tuple(stages))


def segment_flops(model: Model) -> list[int]:
    """Operations of each segment: what its exit needs and no earlier one does."""
    kernels = {kernel.name: kernel for kernel in model.kernels}
    done: set[str] = {"input"}
    counted = []
    for place in range(len(model.exits)):
        heads = [model.exits[place], *model.boundaries[place + 1 : place + 2]]
        new: set[str] = set()
        while heads:
            name = heads.pop()
            if name not in done | new:
                new.add(name)
                heads.extend(kernels[name].inputs)
        counted.append(sum(kernels[name].flops for name in new))
        done |= new
    return counted
