"""How much memory a run of segments needs for its activations, from the model's graph alone."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.model import Kernel, Model


def segment_of(model: Model) -> dict[str, int]:
    """The segment of each kernel: the first exit that needs it."""
    kernels = {kernel.name: kernel for kernel in model.kernels}
    found: dict[str, int] = {}
    for segment, logits in enumerate(model.exits):
        waiting = [logits]
        while waiting:
            name = waiting.pop()
            if name in kernels and name not in found:
                found[name] = segment
                waiting.extend(kernels[name].inputs)
    return found


def activation_bytes(model: Model, first: int, last: int) -> int:
    """The most float32 bytes that live at once while segments [first, last) run in order on a batch of one."""
    segment = segment_of(model)
    run = [kernel for kernel in model.kernels if first <= segment[kernel.name] < last]
    alive = {model.boundaries[first]: _boundary_bytes(model, first)}
    last_use = _last_use(model, run, first, last)
    most = sum(alive.values())
    for turn, kernel in enumerate(run):
        alive[kernel.name] = kernel.out_bytes
        most = max(most, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last_use.get(name, -1) > turn}
    return most


def _boundary_bytes(model: Model, first: int) -> int:
    if first == 0:
        size = 4
        for length in model.input_shape:
            size *= length
        return size
    return next(kernel.out_bytes for kernel in model.kernels if kernel.name == model.boundaries[first])


def _last_use(model: Model, run: list[Kernel], first: int, last: int) -> Mapping[str, int]:
    uses = {name: turn for turn, kernel in enumerate(run) for name in kernel.inputs}
    kept = [*model.exits[first:last], *model.boundaries[last : last + 1]]
    return uses | {name: len(run) for name in kept}
