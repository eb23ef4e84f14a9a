"""Thresholds: the stated risk is kept on the data they were chosen on, and, certified, on data they never saw."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganglion.core.plan import NEVER
from ganglion.core.rng import stream
from ganglion.infer import choose_threshold
from ganglion.infer.exit import Confidence, Entropy, Margin

Floats = NDArray[np.float64]


def cascade(seed: int, many: int, skill: float = 0.8) -> tuple[list[Floats], NDArray[np.int64]]:
    """Two early exits whose confidence tells something of how right they are, and a last one that is nearly always."""
    rng = stream(seed, "cascade")
    y = rng.integers(0, 2, many)
    exits = []
    for right in (skill, (1 + skill) / 2, 0.99):
        sure = rng.uniform(0.5, 1.0, many)
        correct = rng.uniform(size=many) < np.clip(right + (sure - 0.75) * 0.8, 0.0, 1.0)
        says = np.where(correct, y, 1 - y)
        p = np.empty((many, 2))
        p[np.arange(many), says], p[np.arange(many), 1 - says] = sure, 1 - sure
        exits.append(p)
    return exits, y


def loss(threshold: float, exits: list[Floats], y: NDArray[np.int64]) -> float:
    """Share of samples that the cascade gets wrong and its last exit right, sample by sample."""
    lost = 0
    for n in range(len(y)):
        at = next((e for e in range(2) if exits[e][n].max() >= threshold), 2)
        lost += int(exits[at][n].argmax() != y[n] and exits[2][n].argmax() == y[n])
    return lost / len(y)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), risk=st.sampled_from([0.0, 0.01, 0.02, 0.05]))
def test_the_risk_is_kept_on_the_samples_it_was_chosen_on(seed: int, risk: float) -> None:
    exits, y = cascade(seed, 200)
    for certified in (None, 0.9):
        chosen = choose_threshold(exits, y, risk, certified)
        assert chosen.lost == pytest.approx(loss(chosen.threshold, exits, y))
        assert chosen.lost <= chosen.bound <= risk
        assert sum(chosen.shares) == pytest.approx(1.0)


def test_a_larger_risk_answers_more_samples_early() -> None:
    exits, y = cascade(3, 400)
    early = [1.0 - choose_threshold(exits, y, risk).shares[-1] for risk in (0.0, 0.02, 0.05, 0.2)]
    assert early == sorted(early) and early[0] < early[-1]


def test_200_samples_cannot_certify_one_percent_but_two() -> None:
    exits, y = cascade(3, 200, skill=0.97)
    assert choose_threshold(exits, y, 0.01, certified=0.9).threshold == NEVER
    assert choose_threshold(exits, y, 0.02, certified=0.9).threshold < NEVER
    assert choose_threshold(exits, y, 0.01).threshold < NEVER


def test_a_certificate_holds_on_fresh_samples() -> None:
    fresh, y = cascade(10_000, 20_000)
    broken = plain = 0
    for seed in range(60):
        held, held_y = cascade(seed, 300)
        broken += loss_of(choose_threshold(held, held_y, 0.05, certified=0.9).threshold, fresh, y) > 0.05
        plain += loss_of(choose_threshold(held, held_y, 0.05).threshold, fresh, y) > 0.05
    assert broken <= 12  # 10 % of 60 is 6; more than 12 would have a probability below 1 %
    assert plain > broken


def loss_of(threshold: float, exits: list[Floats], y: NDArray[np.int64]) -> float:
    """`loss`, for many samples at once."""
    sure = np.stack([p.max(-1) for p in exits])
    right = np.stack([p.argmax(-1) == y for p in exits])
    got = np.where(sure[0] >= threshold, right[0], np.where(sure[1] >= threshold, right[1], right[2]))
    return float((right[2] & ~got).mean())


def test_exit_rules_agree_on_two_classes() -> None:
    p = np.linspace(0.5, 1.0, 101)
    pairs = np.stack([p, 1 - p], -1)
    confident = Confidence(0.8)(pairs)
    assert (confident == Margin(0.6 - 1e-12)(pairs)).all()
    edge = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2)) / np.log(2.0)
    assert (confident == Entropy(edge + 1e-12)(pairs)).all()
    assert not Confidence(2.0)(pairs).any() and Confidence(0.0)(pairs).all()
