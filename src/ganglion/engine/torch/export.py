"""Graphs for every stage of a model, and its weights once: from one whole export per architecture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...core.blob import arrays_to_bytes
from ...core.compute import Exported
from ...core.tensors import Tensors
from ..memory import activation_bytes
from ..onnx.quantize import quantize
from ..onnx.stages import calibrate, stage, take_weights
from .graph import Architecture, architecture, bound
from .trace import Build


class Exporter:
    """Remembers the graph of each input shape, for making one takes seconds and binding weights to it does not."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self._made: dict[tuple[int, ...], Architecture] = {}

    def export(self, weights: Tensors, temperatures: tuple[float, ...], x: NDArray[np.float32], int8: bool) -> Exported:
        """All stages; `x` [n, ...] are calibration examples, which also give the input's shape."""
        made = self._architecture(x.shape[1:], weights)
        proto = bound(made, weights)
        if int8:
            proto = quantize(proto, x)
        calibrate(proto, temperatures)
        graphs: list[tuple[int, int, bytes]] = []
        memory: list[int] = []
        stored: dict[str, NDArray[np.generic]] = {}
        for first, last in made.model.stages():
            part = stage(proto, first, last)
            taken = take_weights(part)
            stored |= taken
            graphs.append((first, last, part.SerializeToString(deterministic=True)))
            activations = activation_bytes(made.model, first, last)
            memory.append(sum(array.nbytes for array in taken.values()) + activations // (4 if int8 else 1))
        return Exported(tuple(graphs), arrays_to_bytes(dict(sorted(stored.items()))), made.model, tuple(memory))

    def _architecture(self, shape: tuple[int, ...], weights: Tensors) -> Architecture:
        if shape not in self._made:
            self._made[shape] = architecture(self._build, shape)
        made = self._made[shape]
        if made.reusable:
            return made
        if made.model.weights != weights.digest():  # the exporter merged weights, so the graph serves these alone
            made = self._made[shape] = architecture(self._build, shape, weights)
        return made
