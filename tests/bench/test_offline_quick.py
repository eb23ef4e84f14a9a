"""The offline bench: hours without a cloud on a disk that is too small; its live cases are slow."""

from __future__ import annotations

import pytest

from ganglion.bench.offline import CASES, run
from ganglion.bench.offline_days import days


def test_hours_without_the_cloud_fill_no_disk_and_every_gap_is_said() -> None:
    plain, cut, planted = days(4, 3)
    for row in (plain, cut):
        assert row["ok"], row
        assert row["messages"] == row["delivered"] + row["given_up"] and row["given_up"] > 0
        assert 0 < row["most_bytes"] <= row["cap_bytes"]
    assert planted["ok"], "a disk above its cap was not seen"


@pytest.mark.live
@pytest.mark.slow
def test_the_quick_bench_keeps_its_bars() -> None:
    measured = run(True, 7)
    assert [row for row in measured["rows"] if not row["ok"]] == []
    assert {row["what"] for row in measured["rows"]} >= set(CASES)
