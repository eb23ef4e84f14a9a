"""The way a split model runs follows the link: robust estimates, exact breakpoints, and no change that does not pay."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError
from ganglion.core.rng import stream
from ganglion.watch import Replan, Steady, Way, Ways, local_exit
from ganglion.watch.replan import Queue
from ganglion.watch.ways import LOADS

WAYS = Ways.of([Way("here", 0.3), Way("half", 0.2, 0.006, 5000.0), Way("there", 0.01, 0.02, 20000.0)], 0.03)
SOME = st.lists(
    st.tuples(st.floats(0.001, 1.0), st.floats(0.0, 0.2), st.sampled_from([0.0, 500.0, 5e3, 2e4, 1e5, 6e5])),
    min_size=1,
    max_size=8,
)


def test_one_odd_value_hardly_moves_it_and_two_do() -> None:
    steady = Steady()
    for _ in range(5):
        steady.update(100.0)
    assert steady.update(10.0) == pytest.approx(100.0 * math.exp(-0.2))
    steady.update(100.0)
    assert 85.0 < steady.value < 100.0
    steady.update(10.0)
    assert steady.update(10.0) == pytest.approx(10.0)


def test_it_is_close_to_the_median_of_noisy_values_with_outliers() -> None:
    rng, steady, errors = stream(7, "transfers"), Steady(), []
    for turn in range(2000):
        value = 1e5 * float(rng.lognormal(0.0, 0.1))
        errors.append(abs(math.log(steady.update(value / 20 if turn % 10 == 3 else value) / 1e5)))
    assert sorted(errors)[int(0.95 * len(errors))] < 0.35
    assert steady.update(0.0) == steady.update(math.inf) == steady.value  # no news


@given(SOME, st.floats(1.0, 1e8), st.sampled_from(LOADS))
def test_the_way_looked_up_is_the_fastest(parts: list[tuple[float, float, float]], rate: float, load: float) -> None:
    ways = Ways.of([Way(str(at), *part) for at, part in enumerate(parts)], 0.03)
    best = min(ways.seconds(at, rate, load) for at in range(len(parts)))
    assert ways.seconds(ways.best(rate, load), rate, load) == pytest.approx(best, rel=1e-9)


@given(SOME, st.floats(1.0, 1e8), st.sampled_from(LOADS), st.floats(0.0, 10.0))
def test_behind_a_queue_the_way_looked_up_is_the_fastest_too(
    parts: list[tuple[float, float, float]], rate: float, load: float, wait_s: float
) -> None:
    ways = Ways.of([Way(str(at), *part) for at, part in enumerate(parts)], 0.03)
    best = min(ways.seconds(at, rate, load, wait_s) for at in range(len(parts)))
    assert ways.seconds(ways.best(rate, load, wait_s), rate, load, wait_s) == pytest.approx(best, rel=1e-9)


def test_requests_in_each_others_way_send_the_next_one_elsewhere() -> None:
    replan = Replan(WAYS, switch_s=0.0)
    for _ in range(5):
        replan.transferred(20_000, 0.1)
    assert WAYS.ways[replan.choose()].name == "there"
    assert WAYS.ways[replan.choose(Queue(10_000.0))].name == "there"
    assert WAYS.ways[replan.choose(Queue(100_000.0))].name == "here"  # half a second of them is before it
    assert WAYS.ways[replan.choose()].name == "there"  # they have gone, and the rate is as it was
    assert WAYS.ways[replan.choose(Queue(0.0, 20_000.0))].name == "here"  # the oldest is far too late for the rate
    assert WAYS.ways[replan.choose()].name == "there"


def test_faster_links_never_send_less() -> None:
    for (thresholds, chosen), load in zip(WAYS.tables, LOADS, strict=True):
        sent = [WAYS.ways[at].sent_bytes for at in chosen]
        assert list(thresholds) == sorted(thresholds), load
        assert sent == sorted(sent), load
    thresholds, chosen = WAYS.tables[0]
    assert chosen == (0, 1, 2)
    assert thresholds == pytest.approx((5000 / 0.064, 15000 / 0.176))


def test_a_rate_of_nothing_stays_here_and_no_way_is_an_error() -> None:
    assert WAYS.best(0.0) == 0
    with pytest.raises(ConfigError, match="at least one"):
        Ways.of([], 0.0)


def test_it_follows_the_rate_and_the_load() -> None:
    replan = Replan(WAYS)
    assert replan.choose() == 0  # nothing is known yet
    replan.transferred(20_000, 0.02)
    assert replan.choose() == 2
    for _ in range(3):
        replan.computed(0.4, 0.02)
    assert replan.choose() == 0  # there is twenty times slower
    for _ in range(3):
        replan.computed(0.02, 0.02)
    assert replan.choose() == 2
    for _ in range(3):
        replan.transferred(20_000, 2.0)
    assert replan.choose() == 0


def test_a_change_must_earn_its_cost() -> None:
    edge = WAYS.tables[0][0][1]
    for switch_s, turns in ((0.0, 0.03), (1.0, 1.0)):
        replan = Replan(WAYS, switch_s=switch_s, margin=0.0 if switch_s else 0.03)
        replan.rate.value, replan.now = edge, 1
        replan.rate.value = edge * 1.02
        assert replan.choose() == 1, turns  # a gain of less than the margin, or than the cost
        replan.rate.value = edge * 4
        assert replan.choose() == 2


def test_without_a_link_it_answers_here_and_looks_again_when_it_is_back() -> None:
    replan = Replan(WAYS)
    replan.transferred(1e6, 0.1)
    assert replan.choose() == 2
    replan.linked(False)
    assert replan.choose() == 0
    assert not replan.probe_due
    replan.linked(True)
    assert replan.probe_due
    replan.transferred(1e6, 0.1)
    assert not replan.probe_due
    assert replan.choose() == 2


def test_the_deepest_local_exit_within_the_deadline() -> None:
    exits = [0.02, 0.05, 0.2]
    assert [local_exit(exits, left) for left in (0.01, 0.02, 0.19, 1.0)] == [-1, 0, 1, 2]
