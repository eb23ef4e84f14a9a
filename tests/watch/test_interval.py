"""Intervals: exact where a formula is known, and their coverage where none is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc
from scipy.stats import beta

from ganglion.core.binomial import beta_quantile, clopper_pearson, regularised_beta, upper_bound
from ganglion.core.rng import stream
from ganglion.watch import bootstrap, paired, proportion

shape = st.floats(0.5, 20_000.0)


@given(a=shape, b=shape, x=st.floats(0.0, 1.0))
def test_the_incomplete_beta_function_is_scipys(a: float, b: float, x: float) -> None:
    assert regularised_beta(a, b, x) == pytest.approx(betainc(a, b, x), abs=1e-9)


@settings(max_examples=40)
@given(a=st.floats(0.5, 500.0), b=st.floats(0.5, 500.0), p=st.floats(0.001, 0.999))
def test_quantiles_are_scipys(a: float, b: float, p: float) -> None:
    assert beta_quantile(p, a, b) == pytest.approx(beta.ppf(p, a, b), abs=1e-7)


@settings(max_examples=40)
@given(trials=st.integers(1, 2000), part=st.floats(0.0, 1.0), level=st.sampled_from([0.8, 0.95, 0.99]))
def test_an_interval_holds_its_estimate_and_mirrors(trials: int, part: float, level: float) -> None:
    hits = round(part * trials)
    low, high = clopper_pearson(hits, trials, level)
    assert 0.0 <= low <= hits / trials <= high <= 1.0
    mirrored = clopper_pearson(trials - hits, trials, level)
    assert (1.0 - mirrored[1], 1.0 - mirrored[0]) == pytest.approx((low, high), abs=1e-9)
    assert upper_bound(hits, trials, level) <= high + 1e-12


def test_no_samples_have_no_interval() -> None:
    with pytest.raises(ValueError, match="needs a trial"):
        proportion(0, 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        proportion(1, 2, level=95)
    with pytest.raises(ValueError, match="same samples"):
        paired(np.ones(3, bool), np.ones(4, bool))
    with pytest.raises(ValueError, match="at least one"):
        bootstrap(np.zeros(0), stream(0))


def test_the_paired_interval_covers_the_true_difference() -> None:
    rng, covered = stream(0, "paired"), 0
    for _ in range(400):
        drawn = rng.choice(4, size=397, p=[0.93, 0.03, 0.01, 0.03])  # both, only the first, only the second, neither
        interval = paired(np.isin(drawn, (0, 1)), np.isin(drawn, (0, 2)))
        covered += interval.low <= 0.02 <= interval.high
    assert 0.92 <= covered / 400 <= 0.99


def test_pairing_is_narrower_than_two_separate_intervals() -> None:
    right = np.arange(397) % 40 != 0
    other = right.copy()
    other[:5] = True
    interval = paired(other, right)
    assert interval.value == pytest.approx(1 / 397)
    assert interval.high - interval.low < 0.5 * sum(
        p.high - p.low for p in (proportion(int(a.sum()), 397) for a in (right, other))
    )


def test_the_bootstrap_covers_a_mean_and_repeats_itself() -> None:
    covered = 0
    for run in range(100):
        rng = stream(run, "bootstrap")
        interval = bootstrap(rng.exponential(size=80), rng, draws=500)
        covered += interval.low <= 1.0 <= interval.high
    assert 85 <= covered <= 99
    values = np.arange(10.0)
    assert bootstrap(values, stream(1)) == bootstrap(values, stream(1)) != bootstrap(values, stream(2))
