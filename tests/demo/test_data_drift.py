"""A drift changes what a world looks like as it says, and the model's parts have the sizes the fleet relies on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError, NotFound
from ganglion.demo.project.data import from_bytes, split, to_bytes
from ganglion.demo.project.drift import KINDS, drift, rotate
from ganglion.demo.project.jitter import Jitter
from ganglion.demo.project.model import SHAPES, build
from ganglion.demo.project.recipes import FRESH, TRANSFER


@pytest.mark.parametrize("kind", KINDS)
def test_a_drift_keeps_pictures_pictures(kind: str) -> None:
    x = split("digits").test.x
    changed = drift(x, kind, seed=4)
    assert changed.shape == x.shape and changed.dtype == np.float32
    assert changed.min() >= 0 and changed.max() <= 1
    np.testing.assert_array_equal(from_bytes(to_bytes(changed)), changed)
    np.testing.assert_array_equal(changed, drift(x, kind, seed=4))
    assert np.abs(changed - x).mean() > 0.05


def test_inversion_twice_is_nothing() -> None:
    x = split("digits").test.x
    np.testing.assert_array_equal(drift(drift(x, "inversion"), "inversion"), x)


def test_noise_is_its_seeds() -> None:
    x = split("digits").test.x
    assert not np.array_equal(drift(x, "noise", 1), drift(x, "noise", 2))


def test_an_unknown_drift_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'fog'.*inversion, rotation, noise"):
        drift(split("digits").test.x, "fog")


@given(side=st.integers(2, 12), seed=st.integers(0, 99), turns=st.integers(-3, 4))
def test_a_quarter_turn_moves_pixels_exactly(side: int, seed: int, turns: int) -> None:
    x = np.random.default_rng(seed).random((2, 1, side, side), np.float32)
    np.testing.assert_allclose(rotate(x, 90.0 * turns), np.rot90(x, turns, (-2, -1)), atol=1e-6)


@given(degrees=st.floats(-30, 30), row=st.floats(-1, 1), column=st.floats(-1, 1))
def test_a_small_turn_moves_a_blob_where_it_should(degrees: float, row: float, column: float) -> None:
    rows, columns = np.mgrid[:21, :21] - 10.0
    blob = np.exp(-((rows - 5 * row) ** 2 + (columns - 5 * column) ** 2) / 4).astype(np.float32)
    turned = rotate(blob[None], degrees)[0]
    angle = np.deg2rad(degrees)
    wanted_row = 5 * (np.cos(angle) * row - np.sin(angle) * column)
    wanted_column = 5 * (np.sin(angle) * row + np.cos(angle) * column)
    mass = turned.sum()
    assert abs((turned * rows).sum() / mass - wanted_row) < 0.05
    assert abs((turned * columns).sum() / mass - wanted_column) < 0.05


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_data_set_has_a_model_and_recipes(name: str) -> None:
    shape = SHAPES[name]
    model = build(name).eval()
    outs = model(torch.zeros(2, shape.channels, shape.side, shape.side))
    assert [tuple(out.shape) for out in outs] == [(2, 10)] * 3
    for recipe in (FRESH[name], TRANSFER[name]):
        assert len(recipe.loss.exits) == 3 and recipe.how.epochs > 0
    assert 30_000 < sum(p.numel() for p in model.parameters()) < 200_000


def test_an_unknown_data_set_has_no_model() -> None:
    with pytest.raises(NotFound, match="'fashion'"):
        build("fashion")


def test_jitter_moves_pictures_a_little_and_only_while_training() -> None:
    x = torch.from_numpy(split("digits").train.x[:100])
    layer = Jitter()
    torch.manual_seed(0)
    moved = layer.train()(x)
    apart = (moved - x).abs().mean()
    assert 0.02 < float(apart) < 0.2
    assert not torch.allclose(moved[0] - x[0], moved[1] - x[1])
    assert layer.eval()(x) is x
