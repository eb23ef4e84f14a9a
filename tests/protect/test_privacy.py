"""Bounds, noise and what they promise; and that nothing lowers a label but a named mechanism."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.stats import norm

from ganglion.core.errors import Refused
from ganglion.core.label import Tier
from ganglion.core.rng import stream
from ganglion.core.tensors import Tensors
from ganglion.core.update import Update
from ganglion.protect import Clip, Consent, Noise, declassify, epsilon, epsilon_rdp, gaussian_delta, generator


def update(scale: float = 1.0, size: int = 50, tier: Tier = Tier.EDGE) -> Update:
    return Update(Tensors.of({"w": stream(1, "update").normal(0.0, scale, size)}), 30.0, tier)


@given(scale=st.floats(1e-6, 1e6), bound=st.floats(1e-3, 1e3))
def test_clipping_keeps_the_direction_and_never_exceeds_the_bound(scale: float, bound: float) -> None:
    given_, rng = update(scale), stream(0)
    clipped, kept = Clip(bound)(given_, rng, "memory")
    assert clipped.delta.norm() <= bound or clipped.delta.norm() == given_.delta.norm()
    assert kept == "memory"
    if given_.delta.norm() <= bound:
        assert clipped.delta.digest() == given_.delta.digest()
    else:
        assert clipped.delta.norm() == pytest.approx(bound, rel=1e-5)
        along = clipped.delta.flat @ given_.delta.flat / (clipped.delta.norm() * given_.delta.norm())
        assert along == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_clipped_but_refused(bad: float) -> None:
    broken = Update(Tensors.of({"w": np.array([1.0, bad])}), 1.0, Tier.EDGE)
    with pytest.raises(ValueError, match="training diverged"):
        Clip(1.0)(broken, stream(0), None)
    with pytest.raises(ValueError, match="above 0"):
        Clip(0.0)


def test_noise_has_the_stated_size_and_no_bias() -> None:
    big = update(0.001, size=100_000)
    noisy, _ = Noise(clip=2.0, multiplier=1.5)(big, generator(bytes(range(32))), None)
    drawn = (noisy.delta - big.delta).flat.astype(np.float64)
    assert drawn.std() == pytest.approx(3.0, rel=0.01)
    assert abs(drawn.mean()) < 4 * 3.0 / math.sqrt(100_000)
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.02
    with pytest.raises(ValueError, match="protects nothing"):
        Noise(multiplier=0.0)


def test_noise_is_as_secret_as_its_seed() -> None:
    first, second = generator(b"a" * 32).normal(size=4), generator(b"a" * 31 + b"b").normal(size=4)
    assert not np.allclose(first, second)
    with pytest.raises(ValueError, match="too few"):
        generator(b"short")


def exact(multiplier: float, eps: float) -> float:
    """Balle & Wang's theorem 8, straight from scipy."""
    a = 1.0 / multiplier
    return float(norm.cdf(a / 2 - eps / a) - math.exp(eps) * norm.cdf(-a / 2 - eps / a))


@given(multiplier=st.floats(0.3, 20.0), eps=st.floats(0.0, 20.0))
def test_delta_is_the_theorem(multiplier: float, eps: float) -> None:
    assert gaussian_delta(multiplier, eps) == pytest.approx(exact(multiplier, eps), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("multiplier", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("delta", [1e-3, 1e-5, 1e-7])
def test_epsilon_is_where_the_theorem_reaches_delta(multiplier: float, delta: float) -> None:
    solved = brentq(lambda eps: exact(multiplier, eps) - delta, 0.0, 60.0, xtol=1e-10)
    assert epsilon(multiplier, delta) == pytest.approx(solved, rel=1e-5)
    classical = math.sqrt(2 * math.log(1.25 / delta)) / multiplier
    if classical < 1.0:  # the old bound holds only there
        assert epsilon(multiplier, delta) < classical


def test_the_promise_holds_on_drawn_noise() -> None:
    """No event may be more than e^eps times likelier, plus delta: the half lines that tell most, counted."""
    multiplier, delta, many = 1.0, 1e-2, 400_000
    eps = epsilon(multiplier, delta)
    draws = generator(bytes(32)).normal(0.0, multiplier, many)
    for cut in np.linspace(-2.0, 4.0, 25):
        with_it, without = float((draws + 1.0 > cut).mean()), float((draws > cut).mean())
        assert with_it <= math.exp(eps) * without + delta + 5 / math.sqrt(many)
    at = multiplier**2 * eps + 0.5  # where the two densities differ by e^eps: there it is tight
    excess = float((draws + 1.0 > at).mean()) - math.exp(eps) * float((draws > at).mean())
    assert excess == pytest.approx(delta, rel=0.2)


@given(multiplier=st.floats(0.5, 50.0), times=st.integers(1, 500))
def test_the_divergence_bound_is_never_below_the_exact_epsilon(multiplier: float, times: int) -> None:
    exact_epsilon, bound = epsilon(multiplier, 1e-5, times), epsilon_rdp(multiplier, 1e-5, times)
    assert exact_epsilon <= bound + 1e-6
    assert bound <= 1.5 * exact_epsilon + 1.0


def test_more_releases_and_less_noise_promise_less() -> None:
    assert epsilon(1.0, 1e-5, 4) == pytest.approx(epsilon(0.5, 1e-5), rel=1e-7)
    assert epsilon(4.0, 1e-5) < epsilon(2.0, 1e-5) < epsilon(2.0, 1e-5, 2)
    assert 1e5 < epsilon(0.001, 1e-5) < 1e6  # next to nothing is promised, and it says so
    assert epsilon(1000.0, 0.1) == 0.0
    for bad in ((0.0, 1e-5, 1), (1.0, 0.0, 1), (1.0, 1e-5, 0)):
        with pytest.raises(ValueError, match="promises nothing"):
            epsilon(*bad)


def test_noise_lowers_the_label_and_says_at_which_price() -> None:
    private = update(10.0, tier=Tier.EDGE)
    done, record = declassify(private, Noise(clip=1.0, multiplier=2.0), generator(bytes(32)), delta=1e-6)
    assert (done.tier, done.weight, done.delta.layout) == (Tier.DERIVED, 30.0, private.delta.layout)
    assert record.mechanism == "noise(clip=1, multiplier=2)"
    assert record.epsilon == pytest.approx(epsilon(2.0, 1e-6)) and record.delta == 1e-6
    assert (record.before, record.after) == (private.delta.digest(), done.delta.digest())
    assert record.before != record.after and record.tier == Tier.EDGE
    assert private.tier is Tier.EDGE  # the one that stays keeps its label


@pytest.mark.parametrize("tier", list(Tier))
def test_consent_lowers_the_label_and_hides_nothing(tier: Tier) -> None:
    done, record = declassify(update(tier=tier), Consent("site A", "study 7"), stream(0))
    assert done.tier is min(tier, Tier.DERIVED)
    assert record.mechanism == "consent(site A: study 7)"
    assert (record.epsilon, record.delta) == (0.0, 0.0) and record.before == record.after


@dataclass(frozen=True)
class Promise:
    """Looks like a consent."""

    who: str = "me"
    purpose: str = "anything"


@pytest.mark.parametrize("mechanism", [None, Clip(1.0), Promise(), Consent("", "study"), Consent("site", "  ")])
def test_anything_else_is_refused(mechanism: object) -> None:
    with pytest.raises(Refused):
        declassify(update(), mechanism, stream(0))  # type: ignore[arg-type]


def test_a_protected_update_is_protected_again_at_its_own_tier() -> None:
    done, _ = declassify(update(), Noise(), generator(bytes(32)))
    again, record = declassify(replace(done), Consent("site", "study"), stream(0))
    assert again.tier is Tier.DERIVED and record.tier == Tier.DERIVED
