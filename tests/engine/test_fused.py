"""A cohort trained as one learns what each client learns by itself: fused = eager, whoever else is in the batch."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as f

from ganglion.core.compute import Adam, CrossEntropy, Fit, Fitted, Initial, Pull, Score, Sgd
from ganglion.core.errors import ConfigError
from ganglion.core.label import PUBLIC_RAW, Tier
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors
from ganglion.engine.torch import TorchEngine
from ganglion.engine.torch.arena import Arena
from ganglion.engine.torch.cohort import Pool
from ganglion.engine.torch.convolutions import BLOCK, FEW, plain_where_small
from ganglion.engine.torch.dense import dense_layers
from ganglion.engine.torch.fused import MOST
from ganglion.engine.torch.layers import WIDE, Stack

Build = Callable[[], nn.Module]


class ByHand(nn.Module):
    """A dense stack that no name gives away: matrices of its own, one bias added by hand, one layer without."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(9, 13) / 4)
        self.shift = nn.Parameter(torch.zeros(9))
        self.top = nn.Parameter(torch.randn(5, 9) / 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(x @ self.mix.t() + self.shift) @ self.top.t()


class Skipping(nn.Module):
    """Dense layers, but with a way around one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.out = nn.Linear(13, 13), nn.Linear(13, 13), nn.Linear(13, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = f.relu(self.one(x))
        out: torch.Tensor = self.out(x + f.relu(self.two(x)))
        return out


def softmax() -> nn.Module:
    return nn.Linear(13, 5)


def tall() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(13, 17), nn.Tanh(), nn.Linear(17, 7), nn.ReLU(), nn.Linear(7, 5))


def broad() -> nn.Module:
    return nn.Sequential(nn.Linear(13, WIDE[0]), nn.ReLU(), nn.Linear(WIDE[0], 5))


def conv() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 13)), nn.Conv1d(1, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(33, 5))


def dropping() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 17), nn.ReLU(), nn.Dropout(0.5), nn.Linear(17, 5))


def shared() -> nn.Module:
    return nn.Sequential(nn.Linear(13, 13), nn.ReLU(), nn.Linear(13, 5), nn.LogSoftmax(-1))


DENSE: dict[str, Build] = {"softmax": softmax, "tall": tall, "by hand": ByHand, "broad": broad}
OTHER: dict[str, Build] = {"conv": conv, "skipping": Skipping, "dropping": dropping, "ends bent": shared}
SIZES = (23, 4, 40, 23, 8, 1, 16)  # examples per client: ragged, below a batch, exactly some batches


def clients(sizes: tuple[int, ...] = SIZES) -> list[Examples]:
    rng = stream(3, "clients")
    return [
        Examples(rng.normal(size=(n, 13)).astype(np.float32), rng.integers(0, 5, n).astype(np.int64), Tier.PUBLIC)
        for n in sizes
    ]


def engine(build: Build, data: list[Examples], fuse: bool = True) -> TorchEngine:
    held = {Ref(str(at), one.x.nbytes, PUBLIC_RAW): one for at, one in enumerate(data)}
    return TorchEngine(build, held.__getitem__, seed=5, fuse=fuse)


def refs(data: list[Examples]) -> list[tuple[Ref, ...]]:
    return [(Ref(str(at), one.x.nbytes, PUBLIC_RAW),) for at, one in enumerate(data)]


def like(weights: Tensors, key: str, low: float = -0.1, high: float = 0.1) -> Tensors:
    return weights.with_flat(stream(0, key).uniform(low, high, len(weights.flat)).astype(np.float32))


@pytest.mark.parametrize("name", [*DENSE, *OTHER])
def test_a_dense_stack_is_found_by_what_it_computes(name: str) -> None:
    found = dense_layers(Arena({**DENSE, **OTHER}[name]()), (13,))
    assert (found is not None) == (name in DENSE)
    if name == "tall":
        assert [layer.bend for layer in found or ()] == ["tanh", "relu", ""]
    if name == "by hand":
        assert [layer.bias is None for layer in found or ()] == [False, True]


HOWS = {
    "plain": Sgd(0.1, 3, 8),
    "momentum, decay and cooling": Sgd(0.05, 2, 8, momentum=0.9, decay=0.02, cooling=0.5),
    "decay": Sgd(0.1, 2, 16, decay=0.1),
}
EXTRAS = ("nothing", "the same pull for all", "pulls and pushes of their own", "a scaled pull", "a part")


@pytest.mark.parametrize("extra", EXTRAS)
@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("name", DENSE)
def test_fused_equals_eager_client_by_client(name: str, how: str, extra: str) -> None:
    data = clients()
    fast, plain = engine(DENSE[name], data), engine(DENSE[name], data, fuse=False)
    start = fast.answer(Initial(("start",)))
    only = {"softmax": "bias", "tall": "3", "by hand": "top", "broad": "0"}[name] if extra == "a part" else ""
    asked = []
    for at, ref in enumerate(refs(data)):
        pulls = {
            "the same pull for all": (Pull(0.5, start),),
            "pulls and pushes of their own": (Pull(0.5, like(start, f"to {at}")), Pull(0.1, start)),
            "a scaled pull": (Pull(0.5, start, like(start, f"scale {at}", 0.0, 2.0)),),
        }.get(extra, ())
        push = like(start, f"push {at}", -0.01, 0.01) if extra == "pulls and pushes of their own" else None
        begin = like(start, f"start {at}") if extra == "pulls and pushes of their own" else start
        asked.append(Fit(begin, ref, HOWS[how], ("client", at), pulls=pulls, push=push, only=only))
    for one, got, wanted in zip(asked, fast.answer_all(asked), plain.answer_all(asked), strict=True):
        assert isinstance(got, Fitted) and isinstance(wanted, Fitted)
        np.testing.assert_allclose(got.weights.flat, wanted.weights.flat, atol=1e-5, rtol=0)
        assert got.steps == wanted.steps and got.loss == pytest.approx(wanted.loss, abs=1e-5)
        for tensor, array in got.weights.items():
            assert np.array_equal(array, one.start[tensor]) != tensor.startswith(only), tensor


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(sorted(DENSE)),
    order=st.permutations(range(len(SIZES))),
    cuts=st.sets(st.integers(1, len(SIZES) - 1)),
    how=st.sampled_from([*HOWS.values(), Sgd(0.1, 1, 10_000)]),
)
def test_company_changes_no_bit(name: str, order: list[int], cuts: set[int], how: Sgd) -> None:
    data = clients()
    made = engine(DENSE[name], data)
    start = made.answer(Initial(("start",)))
    asked = [Fit(start, ref, how, ("client", at), pulls=(Pull(0.2, start),)) for at, ref in enumerate(refs(data))]
    alone = {at: made.answer(one).weights.digest() for at, one in enumerate(asked)}
    ends = [0, *sorted(cuts), len(order)]
    for begin, end in itertools.pairwise(ends):
        for at, got in zip(order[begin:end], made.answer_all([asked[k] for k in order[begin:end]]), strict=True):
            assert got.weights.digest() == alone[at]


def test_more_clients_than_fit_at_once_and_data_in_one_array() -> None:
    rng, size = stream(4, "pool"), 6
    count = 2 * MOST + 3
    x = rng.normal(size=(count * size, 13)).astype(np.float32)
    y = rng.integers(0, 5, count * size).astype(np.int64)
    parts = [Examples(x[k * size :][:size], y[k * size :][:size], Tier.PUBLIC) for k in range(count)]
    copies = [Examples(one.x.copy(), one.y.copy(), one.tier) for one in parts]
    found = []
    for data in (parts, copies):
        made = engine(tall, data)
        start = made.answer(Initial(("start",)))
        asked = [Fit(start, ref, Sgd(0.1, 2, 4), ("client", at)) for at, ref in enumerate(refs(data))]
        found.append([one.weights.digest() for one in made.answer_all(asked)])
    assert found[0] == found[1] and len(set(found[0])) == count


@pytest.mark.parametrize("name", ["conv", "skipping", "dropping"])
def test_other_models_are_trained_one_by_one_and_company_changes_no_bit(name: str) -> None:
    data = clients()
    made = engine(OTHER[name], data)
    start = made.answer(Initial(("start",)))
    asked = [Fit(start, ref, Sgd(0.1, 2, 8), ("client", at)) for at, ref in enumerate(refs(data))]
    alone = [engine(OTHER[name], data).answer(one).weights.digest() for one in asked]
    assert [one.weights.digest() for one in made.answer_all(asked)] == alone
    assert [one.weights.digest() for one in made.answer_all(asked[::-1])] == alone[::-1]
    assert len(set(alone)) == len(alone)


def test_what_is_wrong_with_one_is_in_its_place() -> None:
    data = clients()
    data[2] = Examples(data[2].x, np.where(data[2].y == 4, 5, data[2].y), Tier.PUBLIC)
    data[3] = Examples(data[3].x * np.float32(1e30), data[3].y, Tier.PUBLIC)
    made = engine(tall, data)
    start = made.answer(Initial(("start",)))
    other = engine(softmax, data).answer(Initial(("start",)))
    asked = [Fit(start, ref, Sgd(0.1, 1, 8), ("c", at)) for at, ref in enumerate(refs(data))]
    asked[4] = Fit(other, asked[4].data, Sgd(0.1, 1, 8), ("c", 4))
    asked[5] = Fit(start, (), Sgd(0.1, 1, 8), ("c", 5))
    asked[6] = Fit(start, asked[6].data, Sgd(1e38, 3, 8), ("c", 6))
    got = made.answer_all(asked)
    said = [str(one) if isinstance(one, ConfigError) else "" for one in got]
    assert isinstance(got[0], Fitted) and isinstance(got[1], Fitted)
    for at, part in (
        (2, "label 5 for a model of 5"),
        (4, "do not fit a model"),
        (5, "names no data"),
        (6, "lower the"),
    ):
        assert part in said[at], said


def test_adam_and_weighted_losses_take_the_general_way() -> None:
    data = clients()
    fast, plain = engine(tall, data), engine(tall, data, fuse=False)
    start = fast.answer(Initial(("start",)))
    for how, loss in ((Adam(0.01, 2, 8), CrossEntropy()), (Sgd(0.1, 2, 8), CrossEntropy((0.5,)))):
        one = Fit(start, refs(data)[0], how, ("a",), loss)
        assert fast.answer(one).weights.digest() == plain.answer(one).weights.digest()


def test_a_score_is_loss_and_how_many_are_right() -> None:
    data = clients((300,))
    made = engine(tall, data)
    start = made.answer(Initial(("start",)))
    got = made.answer(Score(start, refs(data)[0]))
    module = Arena(tall())
    module.load(start)
    with torch.no_grad():
        logits = module.module(torch.from_numpy(data[0].x))
    wanted = float(f.cross_entropy(logits, torch.from_numpy(data[0].y)))
    right: Any = (logits.argmax(-1).numpy() == data[0].y).sum()
    assert (got.loss, got.right, got.examples) == (pytest.approx(wanted, rel=1e-6), int(right), 300)


def test_a_broad_lowest_layer_is_kept_turned_and_no_other() -> None:
    def turned(build: Build, moves: tuple[bool, ...]) -> frozenset[int]:
        arena = Arena(build())
        return Stack(arena.layout, dense_layers(arena, (13,)) or (), moves).turned

    assert turned(broad, (True,) * 4) == {0} and turned(tall, (True,) * 6) == frozenset()
    assert turned(broad, (False, False, True, True)) == {0}  # nothing below the moving one wants a slope either


def test_examples_that_are_parts_of_one_array_are_not_copied() -> None:
    flat = np.arange(2 + 10 * 13, dtype=np.float32)
    x, y = flat[2:].reshape(10, 13), np.arange(10)
    data = [Examples(x[first:end], y[first:end], Tier.PUBLIC) for first, end in ((4, 7), (0, 2))]
    pool = Pool(data)
    assert pool.starts == [4, 0] and pool.x.data_ptr() == x.__array_interface__["data"][0]
    assert pool.y.data_ptr() == y.__array_interface__["data"][0]
    apart = Pool([Examples(one.x, one.y.copy(), one.tier) for one in data])
    assert apart.starts == [4, 0] and apart.y[[4, 5, 6, 0, 1]].tolist() == [4, 5, 6, 0, 1]
    every_other = Pool([Examples(x[::2], y[::2], Tier.PUBLIC)])
    assert every_other.starts == [0] and every_other.x.tolist() == x[::2].tolist()


@pytest.mark.parametrize(
    ("batch", "channels", "plain"), [(FEW, BLOCK, True), (FEW + 1, 3, False), (8, BLOCK + 1, False)]
)
def test_small_convolutions_do_without_blocks(batch: int, channels: int, plain: bool) -> None:
    arena = Arena(nn.Sequential(nn.Conv2d(1, channels, 3), nn.Flatten()))
    x = torch.randn(4, 1, 6, 6)
    before = arena.module(x)
    with plain_where_small(arena, batch):
        assert torch._C._get_mkldnn_enabled() != plain
        torch.testing.assert_close(arena.module(x), before)
    assert torch._C._get_mkldnn_enabled()
    with plain_where_small(Arena(tall()), 4):
        assert torch._C._get_mkldnn_enabled()
