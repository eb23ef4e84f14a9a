"""Ship int8 where the calibration set loses little by it, and float32 otherwise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.compute import Export, Exported, Predict, Predicted, Steps
from ..core.ref import Ref
from ..core.tensors import Tensors

ROUNDING = 1e-9  # a loss of exactly the limit passes, though shares of a set are no exact binary numbers


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
    """Static int8, accepted when no exit loses more than `limit` of accuracy.

    Source: Jacob et al. 2018, arXiv:1712.05877.
    """

    limit: float = 0.01

    def __call__(
        self, weights: Tensors, temperatures: tuple[float, ...], data: tuple[Ref, ...], y: NDArray[np.int64]
    ) -> Steps[Quantized]:
        """Exports both forms, measures both on the calibration examples behind `data` with labels `y`, keeps one."""
        full = yield from Export(weights, temperatures, int8=False, calibration=data)
        before = accuracy((yield from Predict(full, data)), y)
        small = yield from Export(weights, temperatures, int8=True, calibration=data)
        after = accuracy((yield from Predict(small, data)), y)
        accepted = all(old - new <= self.limit + ROUNDING for old, new in zip(before, after, strict=True))
        return Quantized(small if accepted else full, "int8" if accepted else "float32", before, after)


def accuracy(predicted: Predicted, y: NDArray[np.int64]) -> tuple[float, ...]:
    """Share of examples that each exit has right."""
    return tuple(float((logits.argmax(-1) == y).mean()) for logits in predicted.logits)
