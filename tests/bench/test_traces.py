"""The trace bench: transfers by integration, clairvoyance by brute force, and its quick bars."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from ganglion.bench.traces import DELAY_S, SWITCH_S, WAYS, run
from ganglion.bench.traces_live import Pace, live
from ganglion.bench.traces_read import Trace, synthetic
from ganglion.bench.traces_replay import Conditions, clairvoyant, follow
from ganglion.core.rng import stream
from ganglion.watch import Replan, Ways

STEPS = Trace("steps", np.array([0.0, 1.0, 3.0, 4.0]), np.array([100.0, 10.0, 1000.0]))


@pytest.mark.parametrize(
    ("start_s", "size", "seconds"),
    [(0.0, 50.0, 0.5), (0.5, 50.0, 0.5), (0.5, 60.0, 1.5), (0.0, 1120.0, 4.0), (0.0, 1170.0, 4.5), (7.5, 550.0, 1.0)],
)
def test_bytes_go_as_the_rate_at_their_time_lets_them(start_s: float, size: float, seconds: float) -> None:
    assert float(STEPS.through(np.array([start_s]), size)[0]) == pytest.approx(seconds)


def test_nobody_does_better_than_who_knows_the_future() -> None:
    rng = stream(7, "future")
    for _ in range(20):
        seconds = rng.uniform(0.0, 1.0, (7, 3))
        costs = {
            path: sum(seconds[at, way] for at, way in enumerate(path)) + 0.2 * sum(a != b for a, b in pairwise(path))
            for path in product(range(3), repeat=7)
        }
        mean_s, changes = clairvoyant(seconds, 0.2)
        best = min(costs, key=lambda path: costs[path])
        assert mean_s * 7 == pytest.approx(costs[best])
        assert changes == sum(a != b for a, b in pairwise(best))


def test_a_policy_is_between_clairvoyance_and_its_worst_way() -> None:
    ways = Ways.of(WAYS, DELAY_S)
    conditions = Conditions.of(synthetic(7, 1), ways, 0.25, 400)
    ours = follow(conditions, Replan(ways, switch_s=SWITCH_S))
    best_s, _ = clairvoyant(conditions.seconds, SWITCH_S)
    assert conditions.least_s <= best_s <= ours.mean_s <= conditions.seconds.max(1).mean()
    assert ours.probes > 0


def test_the_quick_bench_keeps_its_bars() -> None:
    measured = run(True, 7)
    assert measured["ok"]
    assert len(measured["rows"]) == 21


@pytest.mark.live
def test_a_live_replay_answers_everything_and_is_slower_than_the_best_way_of_each_moment() -> None:
    ways = Ways.of(WAYS, DELAY_S)
    trace = synthetic(7, 1)
    ours, *fixed = live(trace, ways, Pace(0.25, 12, SWITCH_S))
    assert len(fixed) == len(WAYS)
    assert all(run.lost == 0 for run in (ours, *fixed))
    assert ours.probes > 0
    assert float(ours.seconds.mean()) >= Conditions.of(trace, ways, 0.25, 12).least_s * 0.9
