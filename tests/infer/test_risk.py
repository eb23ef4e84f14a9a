"""Stated risks: bounds by hand, certificates on fresh samples, and one interface for classes, values and sequences."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganglion.core.errors import ConfigError
from ganglion.core.rng import stream
from ganglion.infer.exit import Confidence, Entropy, Margin
from ganglion.infer.risk import (
    SCORES,
    Conformal,
    Empirical,
    FixedSequence,
    Held,
    choose,
    classified,
    common,
    greedy,
    hoeffding_bentkus,
    regressed,
)

Floats = NDArray[np.float64]


def scene(seed: int, many: int, steps: tuple[int, ...] = ()) -> tuple[list[Floats], NDArray[np.int64]]:
    """Three exits over two classes, each righter than the one before and the righter the surer it is."""
    rng = stream(seed, "scene", len(steps))
    shape = (many, *steps)
    y = rng.integers(0, 2, shape)
    exits = []
    for skill in (0.80, 0.90, 0.98):
        sure = rng.uniform(0.5, 1.0, shape)
        right = rng.uniform(size=shape) < np.clip(skill + 0.8 * (sure - 0.75), 0.0, 1.0)
        one = np.where(right == (y == 1), sure, 1.0 - sure)  # of class 1
        exits.append(np.stack([1.0 - one, one], -1))
    return exits, y


def risk_of(held: Held, at: tuple[float, ...]) -> float:
    return float(held.losses(held.exits(at)).mean())


def test_losses_and_shares_by_hand() -> None:
    sure = np.array([[0.9, 0.6, 0.9], [0.9, 0.9, 0.2], [0.1, 0.1, 0.1]])
    held = Held(sure, np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]))
    at = held.exits((0.8, 0.8))
    assert at.tolist() == [0, 1, 0] and held.losses(at).tolist() == [1.0, 1.0, 0.0]
    assert held.shares(at) == pytest.approx((2 / 3, 1 / 3, 0.0))
    assert held.exits((math.inf, math.inf)).tolist() == [2, 2, 2]
    assert held.exits((0.0, math.inf)).tolist() == [0, 0, 0]


def test_a_loss_is_against_the_whole_model_or_against_the_truth() -> None:
    says = np.eye(2)[np.array([[0, 0, 1, 1], [0, 1, 0, 1]])]  # two exits, four samples
    y = np.array([0, 1, 1, 0])
    worse, wrong = classified(list(says), y), classified(list(says), y, against="truth")
    assert worse.loss.tolist() == [[0, 1, 0, 0], [0, 0, 0, 0]]
    assert wrong.loss.tolist() == [[0, 1, 0, 1], [0, 0, 1, 1]]
    with pytest.raises(ConfigError, match="state at least that much"):
        choose(wrong, 0.1, Empirical())


@pytest.mark.parametrize("score", list(SCORES))
def test_a_threshold_of_a_score_is_the_exit_rule_of_that_name(score: str) -> None:
    p = stream(1, score).dirichlet(np.ones(4) * 0.3, 500)
    left = classified([p, p], np.zeros(500, np.int64), score).exits((0.7,)) == 0
    rule: Any = {"confidence": Confidence(0.7), "entropy": Entropy(1.0 - 0.7), "margin": Margin(0.7)}[score]
    assert (left == rule(p)).all() and 0 < left.sum() < 500


def test_bounds_by_hand() -> None:
    none = np.zeros(200)
    assert FixedSequence(0.95)(none) == pytest.approx(1 - 0.05 ** (1 / 200), abs=1e-9)
    assert Conformal()(none) == pytest.approx(1 / 201)
    assert Empirical()(np.array([0.0, 1.0])) == 0.5
    # by Hoeffding 1 - 0.05 ** (1 / n) where nothing is lost, which Bentkus can only better by less than its factor e
    assert 1 - 0.05 ** (1 / 200) <= hoeffding_bentkus(0.0, 200, 0.95) <= 1 - (0.05 / math.e) ** (1 / 200) + 1e-9


@settings(max_examples=60)
@given(hits=st.integers(0, 60), more=st.integers(1, 300), risk=st.floats(0.001, 0.999), whole=st.booleans())
def test_to_keep_a_risk_is_to_have_no_higher_bound(hits: int, more: int, risk: float, whole: bool) -> None:
    losses = np.r_[np.ones(hits), np.zeros(more)] * (1.0 if whole else 0.5)
    for by in (FixedSequence(0.9), Conformal(), Empirical()):
        bound = by(losses)
        assert bound >= losses.mean() - 1e-9
        if abs(bound - risk) > 1e-6:
            assert by.keeps(losses, risk) == (bound <= risk)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), risk=st.sampled_from([0.01, 0.03, 0.08]), score=st.sampled_from(sorted(SCORES)))
def test_what_was_chosen_is_the_farthest_step_that_keeps_the_risk(seed: int, risk: float, score: str) -> None:
    exits, y = scene(seed, 300)
    held, path = classified(exits, y, score), common(3, np.linspace(1.0, 0.0, 50).tolist())
    for by in (FixedSequence(0.9), Empirical()):
        made = choose(held, risk, by, path)
        judged = [by(held.losses(held.exits(step))) if step[0] < math.inf else 0.0 for step in path]
        first = next((place for place, bound in enumerate(judged) if bound > risk), len(path))
        assert made.at == path[first - 1] and made.bound == pytest.approx(judged[first - 1])
        assert made.lost == pytest.approx(risk_of(held, made.at)) and sum(made.shares) == pytest.approx(1.0)


def broken(held: list[Held], fresh: Held, risk: float, by: FixedSequence, path: Any = None) -> int:
    return sum(risk_of(fresh, choose(one, risk, by, path).at) > risk for one in held)


def test_a_certificate_holds_on_fresh_samples_for_every_kind_of_answer() -> None:
    many, by = 100, FixedSequence(0.9)

    def classes(seed: int, n: int) -> Held:
        return classified(*scene(seed, n))

    def steps(seed: int, n: int) -> Held:
        return classified(*scene(seed, n, (6,)))

    def values(seed: int, n: int) -> Held:
        return walked(seed, n)[0]

    spreads = tuple((one, one) for one in (math.inf, *(-np.geomspace(0.05, 3.0, 60))))
    for make, risk, path in ((classes, 0.05, None), (steps, 0.05, None), (values, 0.10, spreads)):
        found = broken([make(seed, 250) for seed in range(many)], make(10**6, 20_000), risk, by, path)
        assert found <= 18, make  # 10 of 100 are allowed on average; more than 18 has a probability of 0.5 %


def walked(seed: int, many: int) -> tuple[Held, list[Floats], list[Floats]]:
    """Values of three exits, each nearer to the last one's, that know how far off they tend to be."""
    rng = stream(seed, "values")
    truth, hard = rng.normal(0, 1, many), rng.uniform(0.1, 2.0, many)
    spreads = [scale * hard for scale in (1.0, 0.4)]
    values = [truth + rng.normal(0, 1, many) * spread for spread in spreads]
    return regressed([*values, truth], [*spreads, np.zeros(many)], 0.5), values, spreads


def test_a_value_leaves_where_its_spread_is_small() -> None:
    held, values, spreads = walked(3, 4000)
    path = tuple((one, one) for one in (math.inf, *(-np.geomspace(0.05, 3.0, 60))))
    made = choose(held, 0.05, path=path)
    at = held.exits(made.at)
    assert 0.1 < made.shares[0] < 0.9 and made.at[0] < 0
    assert (spreads[0][at == 0] <= -made.at[0]).all() and (spreads[0][at != 0] > -made.at[0]).all()
    off = np.abs(np.choose(at, [*values, held_last(held, values)]) - held_last(held, values))
    assert (off > 0.5).mean() == pytest.approx(made.lost) and made.lost <= made.bound <= 0.05


def held_last(held: Held, values: list[Floats]) -> Floats:
    """The last exit's values, from the seed that made the others."""
    return stream(3, "values").normal(0, 1, len(values[0])) if len(held) else values[0]


def test_steps_that_are_not_there_do_not_count() -> None:
    exits, y = scene(1, 200, (8,))
    short = y.copy()
    short[:, 5:] = -1
    held, cut = classified(exits, short), classified([one[:, :5] for one in exits], y[:, :5])
    at = held.exits((0.8, 0.8))
    assert held.losses(at) == pytest.approx(cut.losses(cut.exits((0.8, 0.8))))
    assert held.shares(at) == pytest.approx(cut.shares(cut.exits((0.8, 0.8))))


def test_conformal_keeps_the_risk_on_average_and_leaves_more() -> None:
    fresh, risk = classified(*scene(10**6, 20_000)), 0.03
    every = [classified(*scene(seed, 300)) for seed in range(80)]
    conformal = [choose(one, risk, Conformal()).at for one in every]
    certain = [choose(one, risk, FixedSequence(0.9)).at for one in every]
    assert np.mean([risk_of(fresh, at) for at in conformal]) <= risk
    assert np.mean([at[0] for at in conformal]) < np.mean([min(at[0], 1.0) for at in certain])


def test_a_path_of_its_own_for_each_exit_leaves_more_at_no_more_risk() -> None:
    exits, y = scene(5, 6000)
    weak = [np.clip(exits[0] * 0.2 + 0.4, 0, 1), *exits[1:]]  # the first exit's sureness is in another unit
    held, costs = classified(weak, y), (1.0, 3.0, 10.0)
    learn, tried = held.take(slice(0, 3000)), held.take(slice(3000, None))
    one, each = choose(tried, 0.04), choose(tried, 0.04, path=greedy(learn, costs))
    assert np.dot(each.shares, costs) < np.dot(one.shares, costs) and each.bound <= 0.04


def test_a_greedy_path_goes_from_never_to_always() -> None:
    path = greedy(classified(*scene(2, 400)), (1.0, 2.0, 5.0), levels=8)
    assert path[0] == (math.inf, math.inf) and len(set(path)) == len(path)
    assert all(b <= a for step, then in itertools.pairwise(path) for a, b in zip(step, then, strict=True))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: Held(np.ones(3), np.ones(3)), "must be"),
        (lambda: Held(np.ones((2, 3)), np.full((2, 3), 1.5)), "scale them"),
        (lambda: Held(np.ones((2, 3, 2)), np.zeros((2, 3, 2)), counts=np.zeros((3, 2), bool)), "a step that counts"),
        (lambda: classified([np.eye(2)], np.arange(2), "gut"), "use confidence, entropy, margin"),
        (lambda: regressed([np.zeros(2)], [np.ones(2)], 0.0), "above 0"),
        (lambda: Held(np.ones((2, 3)), np.zeros((2, 3))).exits((0.5, 0.5)), "2 thresholds for 2 exits"),
        (lambda: greedy(Held(np.ones((2, 3)), np.zeros((2, 3))), (1.0,)), "1 costs for 2 exits"),
    ],
)
def test_what_does_not_fit_is_said(wrong: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        wrong()
