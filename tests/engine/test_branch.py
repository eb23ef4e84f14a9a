"""Branches: they hang where they were named, change nothing of the trunk, learn alone or with it, and are cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from ganglion.core.compute import Adam
from ganglion.core.errors import ConfigError
from ganglion.core.probability import softmax
from ganglion.core.rng import stream
from ganglion.engine.capture import capture
from ganglion.engine.onnx.runner import OnnxRunner
from ganglion.engine.torch.arena import Arena
from ganglion.engine.torch.branch import Branched, Head, attach
from ganglion.engine.torch.branch_fit import Lesson, answers, gaussian, train
from ganglion.engine.torch.branch_points import choose_points, points
from ganglion.engine.torch.export import Exporter
from ganglion.infer.risk import choose, classified, regressed


def small(inplace: bool = False) -> nn.Module:
    """A trunk with statistics of batches, dropout and a residual connection."""

    class Trunk(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.near = nn.Sequential(
                nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(inplace), nn.MaxPool2d(2)
            )
            self.wide, self.back = nn.Conv2d(6, 12, 3, padding=1), nn.Conv2d(12, 6, 3, padding=1)
            self.last = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(96, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.near(x)
            out: torch.Tensor = self.last(x + self.back(torch.relu(self.wide(x))))
            return out

    torch.manual_seed(0)
    return Trunk()


EXAMPLE = torch.rand(2, 1, 8, 8)


def blobs(seed: int, many: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pictures of three classes that a small network tells apart."""
    rng = stream(seed, "pictures")
    y = rng.integers(0, 3, many)
    x = rng.normal(0, 0.6, (many, 1, 8, 8)).astype(np.float32)
    for row, kind in enumerate(y):
        x[row, 0, 2 * kind : 2 * kind + 3, :4] += 1.0
    return x, y


def test_the_trunk_answers_as_it_did_and_the_head_sees_the_named_place() -> None:
    trunk = small().eval()
    made = attach(trunk, EXAMPLE, ["near"], Head(channels=4, side=2)).eval()
    with torch.no_grad():
        near, far = made(EXAMPLE)
        assert torch.equal(far, trunk(EXAMPLE))
        assert torch.equal(near, made.heads[0](trunk.get_submodule("near")(EXAMPLE))) and near.shape == (2, 3)
    again = attach(trunk, EXAMPLE, ["near"], Head(channels=4, side=2))
    assert all(torch.equal(a, b) for a, b in zip(made.heads.parameters(), again.heads.parameters(), strict=True))


@pytest.mark.parametrize("frozen", [True, False])
def test_heads_learn_alone_on_a_frozen_trunk_or_with_it(frozen: bool) -> None:
    x, y = blobs(1, 400)
    made = attach(small(), EXAMPLE, ["near"])
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    train(made, x, y, Lesson(Adam(5e-3, epochs=6, batch=32), (1.0, 1.0), frozen=frozen))
    moved = {name for name, tensor in made.state_dict().items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("heads.") for name in moved)
    assert any(name.startswith("trunk.") for name in moved) is not frozen
    near, far = answers(made, blobs(2, 300)[0])
    assert (near.argmax(-1) == blobs(2, 300)[1]).mean() > 0.8
    assert ((far.argmax(-1) == blobs(2, 300)[1]).mean() > 0.8) is not frozen


def test_the_same_lesson_gives_the_same_weights() -> None:
    x, y = blobs(1, 100)
    lesson = Lesson(Adam(1e-3, epochs=1, batch=32), (1.0, 1.0), seed=5)
    one, other = (train(attach(small(), EXAMPLE, ["near"]), x, y, lesson).weights for _ in range(2))
    assert one.digest() == other.digest()


def test_what_was_branched_is_exported_and_cut_at_its_exits() -> None:
    x, _ = blobs(3, 8)
    made = attach(small(), EXAMPLE, ["near"])
    exported = Exporter(lambda: attach(small(), EXAMPLE, ["near"])).export(Arena(made).save(), (1.0, 2.0), x, False)
    graphs = {(first, last): graph for first, last, graph in exported.graphs}
    near, boundary = OnnxRunner().load(graphs[0, 1], exported.weights)(x)
    (far,) = OnnxRunner().load(graphs[1, 2], exported.weights)(boundary)
    assert boundary.shape == (8, 6, 4, 4)
    for said, logits, degrees in zip((near, far), answers(made, x), (1.0, 2.0), strict=True):
        np.testing.assert_allclose(said, softmax(logits, degrees), atol=1e-5)


def test_points_are_where_one_tensor_is_all_that_is_left() -> None:
    found = points(small(), EXAMPLE)
    assert "near" in [one.module for one in found] and "wide" not in [one.module for one in found]
    shares = [one.share for one in found]
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] <= 1
    (name,) = choose_points(found, (shares[0],))
    made = attach(small(), EXAMPLE, [name])
    assert isinstance(made, Branched) and len(made(EXAMPLE)) == 2


def test_a_captured_model_is_branched_at_its_nodes_in_their_order() -> None:
    trunk = small().eval()
    whole = capture(trunk, EXAMPLE)
    nodes = [one.node for one in points(trunk, EXAMPLE)][:2]
    made = attach(whole, EXAMPLE, nodes[::-1], [Head(side=4), Head(side=2)])
    assert made.after == tuple(nodes)
    with torch.no_grad():
        torch.testing.assert_close(made(EXAMPLE)[-1], trunk(EXAMPLE))
    x, y = blobs(1, 200)
    held = {name: tensor.clone() for name, tensor in made.trunk.state_dict().items()}
    train(made, x, y, Lesson(Adam(2e-2, epochs=6, batch=32), (1.0, 1.0, 1.0), frozen=True))
    assert all(torch.equal(tensor, held[name]) for name, tensor in made.trunk.state_dict().items())
    assert (answers(made, x)[0].argmax(-1) == y).mean() > 0.6


def test_values_leave_where_they_say_that_they_are_near() -> None:
    rng = stream(4, "values")
    x = rng.uniform(-2, 2, (3000, 2)).astype(np.float32)
    y = (np.sin(2 * x[:, :1]) + x[:, 1:] * rng.normal(0, 0.1, (3000, 1))).astype(np.float32)
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 2))
    made = attach(trunk, torch.zeros(2, 2), ["1"])
    train(made, x[:1500], y[:1500], Lesson(Adam(1e-2, epochs=40, batch=64), (0.5, 1.0)), gaussian)
    said = answers(made, x)
    values, spreads = [one[:, 0] for one in said], [np.exp(one[:, 1] / 2) for one in said]
    held = regressed(values, spreads, 0.3)
    path = tuple((one,) for one in (float("inf"), *(-np.geomspace(0.02, 2.0, 60))))
    chosen = choose(held.take(slice(1500, 2250)), 0.10, path=path)
    fresh = held.take(slice(2250, None))
    at = fresh.exits(chosen.at)
    assert fresh.shares(at)[0] > 0.05 and fresh.losses(at).mean() <= 0.13
    assert np.corrcoef(spreads[0], np.abs(values[0] - values[1]))[0, 1] > 0.2


def test_sequences_are_answered_step_by_step() -> None:
    rng = stream(5, "steps")
    y = rng.integers(0, 4, (240, 6))
    x = (np.eye(4)[y] + rng.normal(0, 0.5, (240, 6, 4))).astype(np.float32)
    torch.manual_seed(1)
    trunk = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    made = attach(trunk, torch.zeros(2, 6, 4), ["1"])
    short = y.copy()
    short[:, 4:] = -1
    train(made, x[:120], short[:120], Lesson(Adam(2e-2, epochs=20, batch=16), (1.0, 1.0)))
    said = [softmax(one) for one in answers(made, x)]
    assert said[0].shape == (240, 6, 4) and (said[1].argmax(-1) == y).mean() > 0.8
    held = classified([one[120:] for one in said], short[120:])
    chosen = choose(held, 0.15)
    assert chosen.shares[0] > 0.3 and chosen.lost <= chosen.bound <= 0.15


@pytest.mark.parametrize(
    ("tap", "out", "gives"),
    [
        ((2, 5, 9, 7), (2, 3), (2, 3)),
        ((2, 5, 2, 2), (2, 3), (2, 3)),
        ((2, 8), (2, 3), (2, 3)),
        ((2, 6, 8), (2, 3), (2, 3)),
        ((2, 6, 8), (2, 6, 3), (2, 6, 3)),
        ((2, 5, 4, 4), (2, 3, 8, 8), (2, 3, 8, 8)),
    ],
)
def test_default_heads_fit_their_shapes(tap: tuple[int, ...], out: tuple[int, ...], gives: tuple[int, ...]) -> None:
    assert Head(channels=4)(tap, out)(torch.rand(tap)).shape == gives


def test_what_cannot_be_branched_is_said() -> None:
    trunk = small()
    with pytest.raises(ConfigError, match="did you mean 'near'"):
        attach(trunk, EXAMPLE, ["nearr"])
    with pytest.raises(ConfigError, match="name at least one"):
        attach(trunk, EXAMPLE, [])
    with pytest.raises(ConfigError, match="written over in place"):
        attach(small(inplace=True), EXAMPLE, ["near.1"])
    with pytest.raises(ConfigError, match="no default head"):
        Head()((2, 3, 4, 5, 6), (2, 3))
    with pytest.raises(ConfigError, match="no gradients"):
        attach(replace(capture(trunk, EXAMPLE), source=None), EXAMPLE, ["near"])  # as from a file
    twice = nn.Linear(4, 4)
    with pytest.raises(ConfigError, match="more than once"):
        attach(nn.Sequential(twice, nn.ReLU(), twice), torch.zeros(2, 4), ["0"])
    with pytest.raises(ConfigError, match="diverged"):
        x, y = blobs(1, 64)
        train(attach(trunk, EXAMPLE, ["near"]), x * 1e30, y, Lesson(Adam(1e30, epochs=2), (1.0, 1.0)))
    with pytest.raises(ConfigError, match="weigh 1 of 2"):
        train(attach(trunk, EXAMPLE, ["near"]), *blobs(1, 8), Lesson(Adam(1e-3), (1.0,)))
