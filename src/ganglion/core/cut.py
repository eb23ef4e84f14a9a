"""Which place computes each kernel of a model: any downward-closed cut, over any number of places in a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .errors import ConfigError
from .model import Kernel, Model


@dataclass(frozen=True)
class Cut:
    """A place per kernel, in the model's order; 0 is where the input is, and numbers never fall along an edge.

    A free kernel (`Kernel.free`) is computed again at every place that reads it; its number says only where first.
    """

    places: tuple[int, ...]
    model: str  # digest of the weights it was made for

    def check(self, model: Model) -> None:
        """Raises ConfigError if this cut is not one of this model."""
        if self.model != model.weights:
            raise ConfigError(f"a cut of model {self.model[:12]} was given with {model.weights[:12]}; plan again")
        if len(self.places) != len(model.kernels):
            raise ConfigError(f"a cut of {len(self.places)} kernels cannot cut a model of {len(model.kernels)}")
        at = self.of(model)
        for kernel in model.kernels:
            for given in kernel.inputs:
                if at.get(given, 0) > at[kernel.name]:
                    raise ConfigError(
                        f"kernel {kernel.name} at place {at[kernel.name]} reads {given} of place {at[given]}; "
                        "tensors travel away from the input alone"
                    )

    def of(self, model: Model) -> dict[str, int]:
        """The place of each kernel by its name."""
        return {kernel.name: place for kernel, place in zip(model.kernels, self.places, strict=True)}

    def crossing(self, model: Model, boundary: int) -> tuple[str, ...]:
        """Tensors sent over the link from place `boundary` to the next: made before it, read beyond it, in order.

        A free kernel beyond the boundary is computed there, so what it reads is sent in its stead.
        """
        at, by_name = self.of(model), {kernel.name: kernel for kernel in model.kernels}
        sent: set[str] = set()

        def want(name: str) -> None:
            kernel: Kernel | None = by_name.get(name)
            if kernel is not None and at[name] > boundary:
                return
            if kernel is not None and kernel.free:
                for given in kernel.inputs:
                    want(given)
                return
            sent.add(name)

        for kernel in model.kernels:
            if at[kernel.name] > boundary:
                for given in kernel.inputs:
                    want(given)
        return tuple(name for name in (*model.inputs, *by_name) if name in sent)


def random_cut(model: Model, places: int, rng: Generator) -> Cut:
    """Any downward-closed cut: kernels in a random order that respects their edges, divided at random.

    Every such cut has a chance; a place may be left empty.
    """
    kernels = model.kernels
    number = {kernel.name: turn for turn, kernel in enumerate(kernels)}
    lacking = [sum(name in number for name in kernel.inputs) for kernel in kernels]
    readers: list[list[int]] = [[] for _ in kernels]
    for turn, kernel in enumerate(kernels):
        for name in kernel.inputs:
            if name in number:
                readers[number[name]].append(turn)
    ready = [turn for turn, count in enumerate(lacking) if count == 0]
    order: list[int] = []
    while ready:
        turn = ready.pop(int(rng.integers(len(ready))))
        order.append(turn)
        for reader in readers[turn]:
            lacking[reader] -= 1
            if lacking[reader] == 0:
                ready.append(reader)
    ends = np.sort(rng.integers(0, len(kernels) + 1, places - 1))
    at = np.empty(len(kernels), np.int64)
    at[order] = np.searchsorted(ends, np.arange(len(kernels)), side="right")
    return Cut(tuple(int(place) for place in at), model.weights)
