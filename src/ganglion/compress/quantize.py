"""Ship int8 where the calibration set loses little by it, and float32 otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.compute import Export, Exported, Predict, Predicted, Steps
from ..core.ref import Ref
from ..core.tensors import Tensors

ROUNDING = 1e-9  # a loss of exactly the limit passes, though shares of a set are no exact binary numbers
SURE = 1.645  # standard errors: a loss above the limit must be more than chance on a small set, at 5 %


@dataclass(frozen=True, eq=False)
class Quantized:
    """What is to be shipped, and why."""

    exported: Exported
    precision: str  # "int8" or "float32"
    accuracy: tuple[float, ...]  # of the float32 graph on the calibration set, per exit
    int8_accuracy: tuple[float, ...]

    @property
    def memory_bytes(self) -> tuple[int, ...]:
        """Per graph of `exported`, in its order."""
        return self.exported.memory_bytes


@dataclass(frozen=True)
class Quantize:
    """Static int8, where the last exit loses at most `limit` of accuracy and the set shows no earlier one to lose more.

    An earlier exit's thresholds are chosen on the form that is shipped, so there chance alone shall not refuse: the
    examples that only one of both forms has right decide (McNemar 1947).

    Source: Jacob et al. 2018, arXiv:1712.05877.
    """

    limit: float = 0.01

    def __call__(
        self, weights: Tensors, temperatures: tuple[float, ...], data: tuple[Ref, ...], y: NDArray[np.int64]
    ) -> Steps[Quantized]:
        """Exports both forms, measures both on the calibration examples behind `data` with labels `y`, keeps one."""
        full = yield from Export(weights, temperatures, int8=False, calibration=data)
        before = right((yield from Predict(full, data)), y)
        small = yield from Export(weights, temperatures, int8=True, calibration=data)
        after = right((yield from Predict(small, data)), y)
        accuracies = [tuple(float(one.mean()) for one in exits) for exits in (before, after)]
        losses = [shown_loss(old, new) for old, new in zip(before[:-1], after[:-1], strict=True)]
        losses.append(accuracies[0][-1] - accuracies[1][-1])
        accepted = max(losses) <= self.limit + ROUNDING
        return Quantized(small if accepted else full, "int8" if accepted else "float32", *accuracies)


def right(predicted: Predicted, y: NDArray[np.int64]) -> list[NDArray[np.bool_]]:
    """Which examples each exit has right."""
    return [np.asarray(logits.argmax(-1) == y) for logits in predicted.logits]


def shown_loss(old: NDArray[np.bool_], new: NDArray[np.bool_]) -> float:
    """The least loss of accuracy that the same examples, right before and after or not, make believable."""
    lost, won = int((old & ~new).sum()), int((new & ~old).sum())
    return (lost - won - SURE * float(np.sqrt(lost + won))) / max(len(old), 1)
