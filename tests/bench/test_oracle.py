"""The oracle's bench: its arithmetic against the planner's, its frames, and its quick bars over two processes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.bench.oracle import run
from ganglion.bench.oracle_cells import split_regret
from ganglion.bench.oracle_live import link_of
from ganglion.bench.oracle_stages import WIRES, as_numbers, composed
from ganglion.bench.oracle_ways import places
from ganglion.bench.oracle_wire import frame, read_back, read_frame, written
from ganglion.core.rng import stream
from ganglion.plan.cut import Chain, Limits, split


def chain(seed: int, count: int = 6) -> Chain:
    """Segments, tensors and codecs of random sizes."""
    rng = stream(seed, "chain")
    sizes = rng.integers(100, 200_000, count).astype(np.float64)
    shares = np.zeros((1, count))
    shares[0, -1] = 1.0
    return Chain(
        "any", "m" * 64, tuple(f"t{at}" for at in range(count)), rng.uniform(1e-4, 5e-3, count), WIRES,
        np.stack([sizes / 4, sizes]), rng.uniform(0, 1e-3, (2, 2, count)), np.zeros((1, 2, count)), ((),), shares,
        np.ones(1), np.zeros(count), np.zeros(count), 4000.0,
    )  # fmt: skip


@given(st.integers(0, 10_000), st.sampled_from([0.13, 1.1, 18.88, 100.0]), st.sampled_from([2.0, 10.0, 30.0]))
def test_composing_says_what_the_planner_says_of_the_same_numbers(seed: int, rate: float, slow: float) -> None:
    told, link = chain(seed), link_of(rate)
    before = np.concatenate([[0.0], np.cumsum(told.seconds)])
    table = composed(told, np.stack([before, before[-1] - before]), slow, link)
    found = split([told], places(slow, link), Limits())
    row = told.wires.index(found.wires[0]) if found.wires[0] else 0
    assert found.figures.latency_s == pytest.approx(float(table.min()), rel=1e-9)
    assert float(table[row, found.cut[0]]) == pytest.approx(float(table.min()), rel=1e-9)


def test_the_best_way_is_chosen_on_one_half_of_the_turns_and_scored_on_the_other() -> None:
    steady = np.array([1.0, 1.0, 1.0, 1.0])
    lucky = np.array([0.5, 1.5, 0.5, 1.5])  # best on even turns alone
    slow = np.array([1.2, 1.2, 1.2, 1.2])
    assert split_regret({"steady": steady, "slow": slow}, "steady") == 0.0
    assert split_regret({"steady": steady, "slow": slow}, "slow") == pytest.approx(0.2)
    # Even turns choose `lucky`, which odd ones score at 1.5: no regret. Odd turns choose `steady`, at 1.0: none either.
    assert split_regret({"steady": steady, "lucky": lucky}, "steady") == 0.0
    # Even turns choose `lucky` itself; odd ones choose `steady`, and on even turns that is twice as slow as `lucky`.
    assert split_regret({"steady": steady, "lucky": lucky}, "lucky") == 0.0


def test_a_frame_comes_back_as_it_went_and_pixels_become_numbers() -> None:
    rng = stream(7, "frame")
    tensors: dict[str, Any] = {
        "a": rng.normal(size=(1, 4, 8, 8)).astype(np.float32),
        "b": rng.integers(0, 256, (1, 3)).astype(np.uint8),
    }
    reader = io.BytesIO(frame(3, written(tensors, ["a", "b"], "raw")) + frame(-1, []))
    heard = read_frame(reader)
    assert heard is not None
    number, blobs = heard
    back = read_back(blobs, ["a", "b"])
    assert number == 3
    assert np.array_equal(back["a"], tensors["a"])
    assert np.array_equal(back["b"], as_numbers(tensors["b"]))
    assert read_frame(reader) == (-1, [])
    assert read_frame(reader) is None


@pytest.mark.live
@pytest.mark.slow
def test_the_quick_bench_keeps_its_bars() -> None:
    measured = run(True, 7)
    assert measured["ok"]
    assert sum("ok" in row for row in measured["rows"]) == 3
