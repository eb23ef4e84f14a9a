"""Drift detectors on a real model over real digits: silent while nothing changes, quick when it does."""

from __future__ import annotations

from functools import cache

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from ganglion.core.probability import softmax
from ganglion.core.rng import stream
from ganglion.infer import temperature
from ganglion.watch import Cusum, PageHinkley

SEEDS = (0, 1, 2)
Floats = NDArray[np.float64]


def features(x: Floats) -> Floats:
    """Digits [n, 64] with a constant: [n, 65]."""
    return np.hstack([x, np.ones((len(x), 1))])


@cache
def confidences(seed: int) -> dict[str, Floats]:
    """Confidences of softmax regression on calibration, clean and drifted digits it never saw."""
    x, y = load_digits(return_X_y=True)
    order = stream(seed, "split").permutation(len(x))
    x, y = x[order] / 16.0, y[order]
    w = np.zeros((65, 10))
    seen = features(x[:600])
    for _ in range(600):
        slope = softmax(seen @ w)
        slope[np.arange(600), y[:600]] -= 1.0
        w -= 0.5 * seen.T @ slope / 600
    held, live = x[600:800], x[800:]
    degrees = temperature(features(held) @ w, y[600:800])
    noise = stream(seed, "noise").normal(0.0, 0.35, live.shape)
    worlds = {"held": held, "clean": live, "inverted": 1.0 - live, "noisy": np.clip(live + noise, 0.0, 1.0)}
    return {name: softmax(features(part) @ w, degrees).max(-1) for name, part in worlds.items()}


def cusum(seed: int) -> Cusum:
    held = confidences(seed)["held"]
    return Cusum(float(held.mean()), float(held.std()))


def first_alarm(detector: Cusum | PageHinkley, values: Floats) -> int | None:
    return next((i + 1 for i, value in enumerate(values) if detector.update(float(value))), None)


@pytest.mark.parametrize("seed", SEEDS)
def test_cusum_is_silent_over_6000_undrifted_samples(seed: int) -> None:
    values = stream(seed, "resample").choice(confidences(seed)["clean"], 6000)
    assert first_alarm(cusum(seed), values) is None


def delays(world: str, seed: int) -> list[int]:
    """Samples from a change to the alarm, in eleven runs that each begin with 300 clean samples."""
    found = []
    for run in range(11):
        rng, made = stream(seed, "run", run), cusum(seed)
        assert first_alarm(made, rng.choice(confidences(seed)["clean"], 300)) is None
        found.append(first_alarm(made, rng.choice(confidences(seed)[world], 1000)) or 1000)
    return found


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("world", "usual", "most"), [("inverted", 40, 80), ("noisy", 100, 250)])
def test_cusum_alarms_soon_after_a_change(world: str, usual: int, most: int, seed: int) -> None:
    found = delays(world, seed)
    assert np.median(found) <= usual
    assert max(found) <= most


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_cusum_sees_a_fall_and_a_rise_alike(side: float) -> None:
    assert first_alarm(Cusum(0.5, 0.1), np.full(100, 0.5 + side * 0.1)) == first_alarm(
        Cusum(0.5, 0.1), np.full(100, 0.4)
    )


def test_cusum_takes_a_few_odd_samples_for_what_they_are() -> None:
    calm = Cusum(0.95, 0.02)
    assert first_alarm(calm, np.full(6, 0.1)) is None  # each 40 deviations off
    assert first_alarm(calm, np.full(400, 0.95)) is None
    assert calm.below == 0.0


def test_cusum_refines_a_reference_that_was_a_little_off() -> None:
    rng = stream(0, "biased")
    values = rng.normal(0.8 + 0.015, 0.1, 6000)  # two standard errors of a mean of 200 above what the release says
    assert first_alarm(Cusum(0.8, 0.1), values) is None
    assert first_alarm(Cusum(0.8, 0.1, weight=10**9), values) is not None  # where it cannot be refined


@pytest.mark.parametrize("seed", SEEDS)
def test_page_hinkley_finds_a_fall_and_rarely_cries_wolf(seed: int) -> None:
    values = stream(seed, "resample").choice(confidences(seed)["clean"], 6000)
    alarms, detector = 0, PageHinkley()
    for value in values:
        if detector.update(float(value)):
            alarms, detector = alarms + 1, PageHinkley()
    assert alarms <= 2
    fallen = stream(seed, "fall").normal(0.4, 0.1, 200)
    detector = PageHinkley()
    assert first_alarm(detector, values[:300]) is None
    after = first_alarm(detector, fallen)
    assert after is not None and after <= 60


@pytest.mark.parametrize("made", [Cusum(0.9, 0.1), PageHinkley()])
def test_a_detector_goes_on_from_its_snapshot(made: Cusum | PageHinkley) -> None:
    values = np.concatenate([np.full(40, 0.85), np.full(60, 0.5)])
    for value in values[:50]:
        made.update(float(value))
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=type(made))
    assert again == made
    rest = [float(value) for value in values[50:]]
    assert [made.update(value) for value in rest] == [again.update(value) for value in rest]
    assert made.alarmed
