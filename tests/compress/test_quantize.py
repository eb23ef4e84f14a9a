"""int8 is shipped where it loses little, and float32 where it does not; the judgement is on each exit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganglion.compress import Quantize, Quantized
from ganglion.core.compute import Export, Exported, Predict, Predicted
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.model import Model
from ganglion.core.ref import Ref
from ganglion.core.tensors import Tensors

Y = np.arange(200, dtype=np.int64) % 10
DATA = (Ref("0" * 64, 1, PUBLIC_RAW),)
WEIGHTS = Tensors.of({"w": np.ones(3)})
MODEL = Model((), (1, 8, 8), 10, ("out",), ("input",), "")
FULL, SMALL = (Exported(((0, 1, name),), b"", MODEL, (size,)) for name, size in ((b"full", 40), (b"small", 10)))


def said(*wrong: int) -> Predicted:
    """Logits with so many of 200 labels wrong, per exit."""
    return Predicted(tuple(np.eye(10, dtype=np.float32)[np.where(np.arange(200) < n, (Y + 1) % 10, Y)] for n in wrong))


def decide(method: Quantize, full: Predicted, small: Predicted) -> Quantized:
    """Plays the engine: answers by what was asked for, never by how often."""
    steps = method(WEIGHTS, (1.0, 1.0), DATA, Y)
    answer: Any = None
    try:
        while True:
            match steps.send(answer):
                case Export(_, _, int8, data):
                    assert data == DATA
                    answer = SMALL if int8 else FULL
                case Predict(Exported() as exported):
                    answer = small if exported is SMALL else full
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("full", "small", "precision"),
    [
        ((20, 4), (20, 4), "int8"),
        ((20, 4), (22, 6), "int8"),  # one point, the limit itself
        ((20, 4), (23, 4), "int8"),  # an early exit loses no more than chance might take
        ((20, 4), (27, 4), "float32"),  # it does lose
        ((20, 4), (20, 7), "float32"),  # the last one does
        ((20, 4), (10, 2), "int8"),  # it may also gain
    ],
)
def test_the_limit_decides(full: tuple[int, ...], small: tuple[int, ...], precision: str) -> None:
    done = decide(Quantize(0.01), said(*full), said(*small))
    assert done.precision == precision
    assert done.exported is (SMALL if precision == "int8" else FULL)
    assert done.memory_bytes == done.exported.memory_bytes
    assert done.accuracy == tuple(1 - n / 200 for n in full)
    assert done.int8_accuracy == tuple(1 - n / 200 for n in small)


def test_a_wider_limit_lets_more_pass() -> None:
    assert decide(Quantize(0.05), said(0, 0), said(9, 9)).precision == "int8"
    assert decide(Quantize(0.0), said(0, 0), said(0, 1)).precision == "float32"
