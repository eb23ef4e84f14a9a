"""Calibration: the temperature is the best one, and the error is what its definition says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ganglion.core.probability import entropy, margin, softmax
from ganglion.core.rng import stream
from ganglion.infer import calibration_error, nll, temperature


def drawn(seed: int, degrees: float, many: int = 4000) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits whose softmax at `degrees` is exactly how the labels were drawn."""
    rng = stream(seed, "logits")
    logits = rng.normal(0.0, 2.0, (many, 5))
    below = softmax(logits, degrees).cumsum(-1) < rng.uniform(size=(many, 1))
    return logits, np.minimum(below.sum(-1), 4)


@pytest.mark.parametrize("degrees", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_labels_is_found(degrees: float) -> None:
    logits, y = drawn(1, degrees)
    found = temperature(logits, y)
    assert found == pytest.approx(degrees, rel=0.08)
    assert calibration_error(softmax(logits, found), y) < 0.03


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), degrees=st.floats(0.3, 4.0))
def test_no_other_temperature_is_better(seed: int, degrees: float) -> None:
    logits, y = drawn(seed, degrees, 100)
    best = nll(logits, y, temperature(logits, y))
    assert all(best <= nll(logits, y, float(other)) + 1e-7 for other in np.geomspace(0.05, 20.0, 60))


def test_a_model_that_is_always_right_is_made_as_sure_as_allowed() -> None:
    assert temperature(np.eye(3) * 4.0, np.arange(3)) == pytest.approx(0.05, rel=1e-3)
    with pytest.raises(ValueError, match="as many of both"):
        temperature(np.eye(3), np.arange(2))


def test_the_calibration_error_by_hand() -> None:
    sure = np.array([0.9, 0.9, 0.6, 0.6])
    probabilities = np.stack([sure, 1 - sure], -1)
    y = np.array([0, 1, 0, 0])  # right, wrong | right, right
    assert calibration_error(probabilities, y, bins=2) == pytest.approx(abs(0.75 - 0.75))
    assert calibration_error(probabilities, y, bins=10) == pytest.approx(0.5 * abs(0.5 - 0.9) + 0.5 * abs(1.0 - 0.6))


@given(st.integers(2, 12), st.integers(0, 1000))
def test_scores_of_distributions_stay_in_their_range(classes: int, seed: int) -> None:
    p = softmax(stream(seed).normal(0.0, 5.0, (20, classes)))
    assert p.sum(-1) == pytest.approx(1.0)
    for score in (entropy(p), margin(p)):
        assert ((score >= 0.0) & (score <= 1.0 + 1e-12)).all()
    even = np.full((1, classes), 1.0 / classes)
    assert entropy(even)[0] == pytest.approx(1.0) and margin(even)[0] == 0.0
