"""A project small enough for thousands of simulated rounds: softmax regression on points around corners, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import examples_of_bytes
from ..core.compute import Compute, CrossEntropy, Fit, Fitted, Initial, Predict, Predicted, Score, Scored, Sgd
from ..core.errors import GanglionError
from ..core.label import Tier
from ..core.ports import Disk
from ..core.probability import softmax
from ..core.rng import stream
from ..core.sample import Examples
from ..core.tensors import Tensors
from ..node.tools import Recipe

FEATURES, CLASSES = 12, 6
SEED = 11  # of the points, and of every shuffle


def points(part: str, count: int) -> Examples:
    """Corners that overlap a little, so that accuracy rises slowly."""
    chance = stream(SEED, "fl points", part)
    corners = 1.4 * stream(SEED, "fl corners").normal(size=(CLASSES, FEATURES))
    y = chance.integers(0, CLASSES, size=count)
    x = corners[y] + 1.5 * chance.normal(size=(count, FEATURES))
    return Examples(x.astype(np.float32), y.astype(np.int64), Tier.PUBLIC)


class Project:
    """What is learnt; how is in a job's terms."""

    classes: int = CLASSES
    scale: float = 1.0
    fresh: Recipe = Recipe(Sgd(0.1), CrossEntropy())
    transfer: Recipe = fresh
    round: Recipe = fresh

    def __init__(self, count: int = 600) -> None:
        self._parts = {"train": points("train", count), "calibration": points("calibration", 1000)}

    def examples(self, part: str) -> Examples:
        """Of one of the two parts."""
        return self._parts[part]


class Engine:
    """Answers Initial, Fit, Predict and Score by plain minibatch descent; every shuffle is named by its key."""

    answers: frozenset[type[Compute[Any]]] = frozenset({Initial, Fit, Predict, Score})

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def answer(self, asked: Compute[Any]) -> Any:
        """The result. Raises GanglionError for what it does not know."""
        match asked:
            case Initial():
                w, b = np.zeros((FEATURES, CLASSES), np.float32), np.zeros(CLASSES, np.float32)
                return Tensors.of({"w": w, "b": b})
            case Fit(data=data, how=Sgd()):
                return _fit(asked, self._read(data))
            case Predict(Tensors() as weights, data):
                return Predicted((_logits(weights, self._read(data).x),))
            case Score(weights, data):
                given = self._read(data)
                p = softmax(_logits(weights, given.x))
                loss = float(-np.log(p[np.arange(len(given)), given.y] + 1e-9).mean())
                return Scored(loss, int((p.argmax(-1) == given.y).sum()), len(given))
        raise GanglionError(f"a {type(asked).__name__} is not known to this bench's engine; ask one of {self.answers}")

    def _read(self, data: tuple[Any, ...]) -> Examples:
        whole = examples_of_bytes(self._disk.get(data[0]))
        for ref in data[1:]:
            whole = whole.join(examples_of_bytes(self._disk.get(ref)))
        return whole


def _logits(weights: Tensors, x: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(x @ weights["w"] + weights["b"], np.float32)


def _fit(asked: Fit, data: Examples) -> Fitted:
    how, weights, steps, losses = asked.how, asked.start, 0, [0.0]
    push = asked.push.flat if asked.push is not None else np.float32(0.0)
    for epoch in range(how.epochs):
        order = stream(SEED, *asked.key, epoch).permutation(len(data))
        losses = []
        for first in range(0, len(order), how.batch):
            rows = order[first : first + how.batch]
            p = softmax(_logits(weights, data.x[rows]))
            losses.append(float(-np.log(p[np.arange(len(rows)), data.y[rows]] + 1e-9).mean()))
            p[np.arange(len(rows)), data.y[rows]] -= 1.0
            error = np.asarray(p / len(rows), np.float32)
            slope = Tensors.of({"w": data.x[rows].T @ error, "b": error.sum(0)}).flat + push
            for pull in asked.pulls:
                slope = slope + np.float32(pull.strength) * (weights.flat - pull.toward.flat)
            weights = weights.with_flat(weights.flat - np.float32(how.rate) * slope)
            steps += 1
    return Fitted(weights, steps, float(np.mean(losses)))
