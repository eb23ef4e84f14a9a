"""The uplinks' bench: where its slow-down comes from, what crosses a cut, and its quick bars."""

from __future__ import annotations

import numpy as np
import pytest

from ganglion.bench.oracle_stages import WIRES
from ganglion.bench.uplinks import crossing_bytes, float32_only, run, slowdown
from ganglion.core.cut import Cut
from ganglion.core.model import Kernel, Model
from ganglion.plan.cut import Chain


def model(flops: int, passed_bytes: int) -> Model:
    """Two branches that meet."""
    kernels = (
        Kernel("left", "Conv", ("input",), passed_bytes, 1000, flops),
        Kernel("right", "Conv", ("input",), 2 * passed_bytes, 1000, flops),
        Kernel("sum", "Add", ("left", "right"), 40, 0, 10),
    )
    return Model(kernels, (3, 8, 8), 10, (), (), "d" * 64, ("input",), (768,), ("sum",))


def test_the_slow_down_is_the_declared_seconds_over_those_here() -> None:
    work = model(2 * 10**12, 1)
    declared_s = 4e12 / 4e9  # two convolutions of so many operations, at the class's rate
    assert slowdown(work, 50.0) == pytest.approx(declared_s / 50.0, rel=1e-3)
    assert slowdown(work, 25.0) == pytest.approx(2 * slowdown(work, 50.0))


@pytest.mark.parametrize(
    ("at", "crosses"), [((0, 0, 1), 900), ((0, 1, 1), 300 + 768), ((1, 1, 1), 768), ((0, 0, 0), 0)]
)
def test_what_crosses_is_counted_once_per_tensor(at: tuple[int, ...], crosses: int) -> None:
    assert crossing_bytes(model(1, 300), Cut(at, "d" * 64)) == crosses


def test_float32_only_keeps_the_tensors_as_they_are() -> None:
    two, sizes = np.ones(2), np.array([[10.0, 20.0], [40.0, 80.0]])
    none, codec_s = np.zeros((1, 2, 2)), np.arange(8.0).reshape(2, 2, 2)
    shares = np.array([[0.0, 1.0]])
    told = Chain(
        "any", "m" * 64, ("a", "b"), two, WIRES, sizes, codec_s, none, ((),), shares, np.ones(1), 0 * two, 0 * two
    )
    plain = float32_only(told)
    assert [wire.codec for wire in plain.wires] == ["raw"]
    assert plain.wire_bytes.tolist() == [[40.0, 80.0]]
    assert plain.codec_s.tolist() == [[[2.0, 3.0]], [[6.0, 7.0]]]


@pytest.mark.slow
def test_the_quick_bench_keeps_its_bars() -> None:
    measured = run(True, 7)
    assert measured["ok"]
    assert sum("ok" in row for row in measured["rows"]) == 4
