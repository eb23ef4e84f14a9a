"""A model small enough for two hundred worlds: softmax regression with two exits, its trainer and its runtime.

Exit 1 sees the first half of the features, exit 2 all of them. A graph is the two numbers of its segments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganglion.core.blob import examples_of_bytes, tensors_of_bytes, tensors_to_bytes
from ganglion.core.compute import (
    Compute,
    CrossEntropy,
    Export,
    Exported,
    Fit,
    Fitted,
    Initial,
    Predict,
    Predicted,
    Sgd,
)
from ganglion.core.label import Tier
from ganglion.core.model import Kernel, Model
from ganglion.core.ports import Disk
from ganglion.core.probability import softmax
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors
from ganglion.node.tools import Recipe

FEATURES, CLASSES, SEEN = 8, 4, (4, 8)  # features that each exit sees
STAGES = ((0, 1), (0, 2), (1, 2))
MEMORY_BYTES = (100, 300, 200)  # declared, per stage
KERNELS = (
    Kernel("half", "Slice", ("input",), 4 * SEEN[0], 0, 0),
    Kernel("near", "Gemm", ("half",), 4 * CLASSES, 4 * CLASSES * (SEEN[0] + 1), 2 * CLASSES * SEEN[0]),
    Kernel("whole", "Identity", ("input",), 4 * FEATURES, 0, 0),
    Kernel("far", "Gemm", ("whole",), 4 * CLASSES, 4 * CLASSES * (FEATURES + 1), 2 * CLASSES * FEATURES),
)
Floats = NDArray[np.float32]


def examples(seed: int, count: int) -> Examples:
    """Points around four corners; the later features tell them apart better."""
    chance = stream(seed, "linear data", count)
    corners = stream(0, "corners").normal(size=(CLASSES, FEATURES)) * np.linspace(0.8, 2.0, FEATURES)
    y = chance.integers(0, CLASSES, size=count)
    x = corners[y] + chance.normal(size=(count, FEATURES))
    return Examples(x.astype(np.float32), y.astype(np.int64), Tier.PUBLIC)


class Project:
    """What the cloud learns from, and how."""

    classes: int = CLASSES
    scale: float = 1.0
    fresh: Recipe = Recipe(Sgd(1.0, epochs=100, decay=0.02), CrossEntropy((1.0, 1.0)))
    transfer: Recipe = Recipe(Sgd(0.5, epochs=40, decay=0.02), CrossEntropy((1.0, 1.0)))
    round: Recipe = Recipe(Sgd(0.5, epochs=20, decay=0.02), CrossEntropy((1.0, 1.0)))
    parts: ClassVar[dict[str, Examples]] = {"train": examples(1, 200), "calibration": examples(2, 120)}

    def examples(self, part: str) -> Examples:
        return self.parts[part]


def logits(weights: Tensors, x: Floats) -> tuple[Floats, ...]:
    """Per exit: [n, classes]."""
    return tuple(x[:, :seen] @ weights[f"w{i}"] + weights[f"b{i}"] for i, seen in enumerate(SEEN))


class Runner:
    """Runs a stage; a batch goes in, probabilities per exit and the boundary come out."""

    name: str = "linear 1"

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        first, last = (int(part) for part in graph.split())
        weights = tensors_of_bytes(stored)

        def run(x: NDArray[Any]) -> list[NDArray[Any]]:
            whole = np.asarray(x, np.float32)
            exits = [softmax(one).astype(np.float32) for one in logits(weights, whole)[first:last]]
            return exits if last == len(SEEN) else [*exits, whole]

        return run


class Engine:
    """Answers what training and packaging ask for, by gradient descent on whole batches."""

    answers: frozenset[type[Compute[Any]]] = frozenset({Initial, Fit, Predict, Export})

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def answer(self, asked: Compute[Any]) -> Any:
        match asked:
            case Initial():
                shapes = {f"w{i}": (seen, CLASSES) for i, seen in enumerate(SEEN)}
                zero = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
                return Tensors.of({**zero, **{f"b{i}": np.zeros(CLASSES, np.float32) for i in range(len(SEEN))}})
            case Fit(start, data, Sgd() as how):
                return self._fit(start, self._examples(data), how)
            case Predict(weights, data):
                given = self._examples(data)
                if isinstance(weights, Exported):
                    run = Runner().load(b"0 2", weights.weights)
                    return Predicted(tuple(np.log(p + 1e-9) for p in run(given.x)[: len(SEEN)]))
                return Predicted(logits(weights, given.x))
            case Export(weights, temperatures, int8):
                return self._export(weights, temperatures, int8)
        raise AssertionError(f"a {type(asked).__name__} was asked of an engine that answers {self.answers}")

    def _examples(self, data: tuple[Any, ...]) -> Examples:
        whole = examples_of_bytes(self._disk.get(data[0]))
        for ref in data[1:]:
            whole = whole.join(examples_of_bytes(self._disk.get(ref)))
        return whole

    def _fit(self, start: Tensors, data: Examples, how: Sgd) -> Fitted:
        weights, right = start, np.eye(CLASSES, dtype=np.float32)[data.y]
        loss = 0.0
        for _ in range(how.epochs):
            slope: dict[str, Floats] = {}
            for i, (one, seen) in enumerate(zip(logits(weights, data.x), SEEN, strict=True)):
                p = softmax(one)
                error = ((p - right) / len(data)).astype(np.float32)
                slope |= {f"w{i}": data.x[:, :seen].T @ error, f"b{i}": error.sum(0)}
                loss = float(-np.log((p * right).sum(-1) + 1e-9).mean())
            change = Tensors.of({name: slope[name] for name, _ in weights.layout}) + weights * how.decay
            weights = weights - change * how.rate
        return Fitted(weights, how.epochs, loss)

    def _export(self, weights: Tensors, temperatures: tuple[float, ...], int8: bool) -> Exported:
        ready = {name: array / temperatures[int(name[1])] for name, array in weights.items()}
        if int8:
            ready = {name: _rounded(array) for name, array in ready.items()}
        stored = tensors_to_bytes(Tensors.of(ready))
        graphs = tuple((first, last, f"{first} {last}".encode()) for first, last in STAGES)
        model = Model(KERNELS, (FEATURES,), CLASSES, ("near", "far"), ("input", "whole"), weights.digest())
        return Exported(graphs, stored, model, MEMORY_BYTES)


def _rounded(array: Floats) -> Floats:
    """Values that one byte and a scale can hold."""
    step = float(np.abs(array).max()) / 127 or 1.0
    return np.asarray(np.rint(array / step) * step, np.float32)
