"""The federated benches: their rows say when a bar is missed, and their data and models are what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ganglion.bench import fl_equalities, fl_speed
from ganglion.bench.fl_floor import floor_s
from ganglion.bench.fl_live_floor import floor_s as live_floor_s
from ganglion.bench.fl_models import model
from ganglion.bench.fl_scale import _measured
from ganglion.bench.overhead import identities
from ganglion.bench.overhead_peer import NODES


def test_one_client_is_central_and_workers_change_no_byte() -> None:
    data = fl_equalities.examples(3)
    rows = [*fl_equalities._central("softmax", data, 3), *fl_equalities._workers("scaffold", data, 3)]
    assert [row["ok"] for row in rows] == [True, True, True] and rows[0]["apart"] == rows[2]["apart"] == 0.0
    missed = fl_equalities._row("x", "y", 1e-4, 1e-5)
    assert not missed["ok"] and not fl_equalities._row("x", "y", 1e-9, 0.0)["ok"]


def test_models_have_the_sizes_that_the_bars_are_for() -> None:
    sizes = {"64-32-10": 2_410, "784-10": 7_850, "784-200-200-10": 199_210, "lenet": 35_126 - 480, "cnn": 1_663_370}
    found = {name: sum(p.numel() for p in model(name)().parameters()) for name in sizes}
    assert found["lenet"] == pytest.approx(sizes["lenet"], rel=0.02)
    assert {**found, "lenet": 0} == {**sizes, "lenet": 0}


def test_a_task_is_learnable_but_not_at_once(tmp_path: Path) -> None:
    data = np.load(fl_speed._data(fl_speed.SHAPES[0], 1, tmp_path / "t.npz"), allow_pickle=False)
    assert data["x"].shape == (100 * 60, 64) and data["x"].dtype == np.float32 and len(data["test_y"]) == 2000
    middles = np.stack([data["x"][data["y"] == label].mean(0) for label in range(10)])
    near = ((data["test_x"][:, None] - middles) ** 2).sum(-1).argmin(-1)
    assert 0.6 < (near == data["test_y"]).mean() < 0.995


def test_idle_clients_are_measured_in_a_process_of_their_own() -> None:
    found = _measured(200, 1)
    assert found["rss_bytes"] > 1e7 and found["round_ms"] > 0.0


def test_a_floor_grows_with_the_work() -> None:
    assert floor_s("784-10", 1, 60) > 0.0
    assert floor_s("784-10", 10, 60) == pytest.approx(10 * floor_s("784-10", 1, 60))
    assert floor_s("64-32-10", 1, 1) / floor_s("64-10", 1, 1) == pytest.approx((3 * 64 * 32 + 3 * 320 - 2048) / 1280)


def test_the_floor_of_a_live_round_is_measured_over_tls_between_processes(tmp_path: Path) -> None:
    identities(tmp_path)
    assert 0.0 < live_floor_s(tmp_path / NODES[1], [tmp_path / NODES[0]] * 2, 40_000, 3) < 5.0
    assert (tmp_path / NODES[1] / "floor").stat().st_size == 40_000
