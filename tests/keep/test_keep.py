"""Keeping: a reservoir is fair, a balanced ring is balanced and recent, scores rank what is hard first."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.rng import stream
from ganglion.keep.buffer import Balanced, Reservoir
from ganglion.keep.select import Confidence, Entropy, Margin


def test_a_reservoir_keeps_every_item_with_the_same_probability() -> None:
    counts = np.zeros(40)
    for run in range(2000):
        rng, buffer = stream(run, "reservoir"), Reservoir(size=10)
        for number in range(40):
            buffer.update(str(number), 0, rng)
        counts[[int(item) for item in buffer.items()]] += 1
    expected = 2000 * 10 / 40
    chi_square = float(((counts - expected) ** 2 / (expected * 0.75)).sum())
    assert chi_square < 75.0  # 39 degrees of freedom: 0.05 %
    assert counts.min() > 400 and counts.max() < 600


@given(st.lists(st.integers(0, 3), min_size=1, max_size=80), st.integers(1, 12))
def test_a_balanced_ring_gives_every_class_its_room_and_keeps_the_latest(classes: list[int], size: int) -> None:
    buffer, rng = Balanced(size), stream(0)
    for number, y in enumerate(classes):
        buffer.update(f"{number}", y, rng)
    kept = {y: [int(item) for item in items] for y, items in buffer.kept.items()}
    for y, items in kept.items():
        seen = [number for number, other in enumerate(classes) if other == y]
        assert items == seen[len(seen) - len(items) :]
        # a class that lost something is as large as any other, but for one item
        if len(items) < len(seen):
            assert len(items) >= max(len(other) for other in kept.values()) - 1


def test_a_rare_class_outlives_a_flood() -> None:
    buffer, rng = Balanced(20), stream(0)
    for number in range(5):
        buffer.update(f"rare{number}", 1, rng)
    for number in range(1000):
        buffer.update(f"common{number}", 0, rng)
    assert sum(item.startswith("rare") for item in buffer.items()) == 5
    assert "common999" in buffer.items() and "common984" not in buffer.items()


@pytest.mark.parametrize("made", [Reservoir(5), Balanced(5)])
def test_a_buffer_goes_on_from_its_snapshot(made: Reservoir | Balanced) -> None:
    first, second = stream(3), stream(3)
    for number in range(12):
        made.update(f"{number}", number % 2, first)
        second_draw = msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=type(made))
    assert second_draw == made
    for number in range(12, 24):
        made.update(f"{number}", number % 3, second)
    again, third = second_draw, stream(3)
    for number in range(12, 24):
        again.update(f"{number}", number % 3, third)
    assert again == made


def test_scores_rank_the_hardest_first_and_differ_in_what_they_mean() -> None:
    sure, torn, lost = [0.98, 0.01, 0.01], [0.5, 0.48, 0.02], [0.4, 0.3, 0.3]
    rows = np.array([sure, torn, lost])
    assert Confidence()(rows).argsort().tolist() == [0, 1, 2]
    assert Entropy()(rows).argsort().tolist() == [0, 1, 2]
    assert Margin()(rows).argsort().tolist() == [0, 2, 1]  # two classes neck and neck are the hardest to it
