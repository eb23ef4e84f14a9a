"""The overhead bench runs over two processes and tells a split request from JSON."""

from __future__ import annotations

import os

import pytest

from ganglion.bench.overhead import SIZES, run

pytestmark = pytest.mark.live


@pytest.mark.slow
def test_the_quick_bench_keeps_its_bar_and_leaves_no_trace() -> None:
    before = os.sched_getaffinity(0)
    measured = run(True, 7)
    assert [row["what"] for row in measured["rows"]] == [
        f"{kind}, {size}" for size in SIZES for kind in ("runtime", "floor", "split", "split asleep", "json")
    ]
    assert measured["ok"]
    assert os.sched_getaffinity(0) == before
