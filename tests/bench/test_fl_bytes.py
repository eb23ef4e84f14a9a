"""The benches of bytes and accuracy: ratios are of what was sent, and a missed bar is seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ganglion.bench import fl_accuracy_niid as niid
from ganglion.bench.exits_data import parts
from ganglion.bench.fl_bytes import feedback, rows_of, simulated
from ganglion.bench.fl_bytes_tasks import TASKS, strategy
from ganglion.bench.fl_models import model, reference
from ganglion.bench.kept import Kept
from ganglion.core.errors import NotFound
from ganglion.core.label import Tier
from ganglion.core.sample import Examples


def test_messages_of_the_simulator_are_250_times_smaller() -> None:
    row = simulated(1)
    assert row["ok"] and row["ratio"] > 250 > row["whole_run"] > 1 and row["down"] > 798_000


def test_ways_are_compared_with_raw_and_kept(tmp_path: Path) -> None:
    ways = ("raw", "top_k", "top_k without feedback", "dgc")
    task = replace(TASKS["quick"][0], rounds=12, warm=4, most=300, ways=ways)
    kept = Kept("fl_bytes", 1, (), tmp_path / "kept")
    rows = list(rows_of(task, 1, tmp_path / "runs", kept))
    again = list(rows_of(task, 1, tmp_path / "none", kept))
    assert rows == again and not (tmp_path / "none").exists()
    raw, *_, dgc = rows
    assert raw["ratio"] == 1.0 and raw["loss_pt"] == 0.0 and "ok" not in raw
    assert dgc["ratio"] > 30.0 and 1.0 < dgc["whole_run"] < dgc["ratio"] and dgc["down"] == raw["down"]
    missed = list(rows_of(replace(task, ratio=1e6), 1, tmp_path / "runs", kept))[-1]
    assert not missed["ok"]
    alike = [{"what": f"x: {way}", "accuracy": 0.5} for way in ways]
    assert not feedback(alike, task)["ok"]
    with pytest.raises(NotFound, match="no way"):
        strategy(task, "carrier pigeon")


def small() -> tuple[Examples, Examples]:
    given = parts("digits", 1)
    made = [Examples(one.x.reshape(len(one.y), -1), one.y, Tier.PUBLIC) for one in (given.train, given.test)]
    return made[0].take(slice(0, 300)), made[1].take(slice(0, 200))


@pytest.mark.parametrize("method", niid.PUBLISHED)
def test_ours_and_the_plain_loop_are_the_same_method(method: str, tmp_path: Path) -> None:
    """With one step on all examples a round there is nothing random but the first weights."""
    case = replace(niid.QUICK, model="784-10", how=replace(niid.QUICK.how, rate=0.5, batch=300), rounds=15)
    given = small()
    ours = niid._ours(case, method, tmp_path, given, 1)
    plain = niid._plain(case, method, given, 1)
    assert ours == pytest.approx(plain, abs=0.04) and ours > 0.5


def test_the_plain_loop_learns_and_knows_four_methods() -> None:
    (train, test), play = small(), reference()
    shares = np.array_split(np.arange(300), 3)
    given = ((train.x, train.y), shares, (test.x, test.y))
    found = {m: play(m, model("784-10"), *given, 0.2, 20, 1, 4, 1, (1, 4)) for m in niid.PUBLISHED}
    assert all(last > first and last > 0.6 for first, last in found.values()), found
    assert len({tuple(one) for one in found.values()}) >= 2
