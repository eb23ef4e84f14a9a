"""Training on the flat arena is training: equal to torch.optim step by step, for every term a method can add."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from ganglion.core.compute import Adam, CrossEntropy, Fit, Fitted, Pull, Sgd
from ganglion.core.errors import ConfigError
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors
from ganglion.demo.project.data import Split
from ganglion.demo.project.model import SHAPES, ThreeExits
from ganglion.engine.torch import TorchEngine
from ganglion.engine.torch.rules import rate_at

EXITS = (0.5, 0.0, 1.0)


def still() -> nn.Module:
    """The demo's network without its jitter, whose draws a loop of one's own would not repeat."""
    model = ThreeExits(SHAPES["digits"])
    model.jitter = nn.Identity()
    return model


def optimizer(how: Sgd | Adam, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    if isinstance(how, Adam):
        return torch.optim.AdamW(parameters, how.rate, weight_decay=how.decay)
    return torch.optim.SGD(parameters, how.rate, how.momentum, weight_decay=how.decay)


def eager(asked: Fit, examples: Examples, make: Callable[[], nn.Module]) -> dict[str, np.ndarray[Any, Any]]:
    """The same request by torch.optim, tensor by tensor, with the pulls in the loss itself."""
    torch.set_num_threads(1)
    model = make()
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in asked.start.items()}, strict=False)
    model.train()
    named = {name: p for name, p in model.named_parameters() if name.startswith(asked.only)}
    loop = optimizer(asked.how, list(named.values()))
    x, y = torch.from_numpy(examples.x), torch.from_numpy(examples.y)
    steps = asked.how.epochs * -(-len(y) // asked.how.batch)
    done = 0
    for epoch in range(asked.how.epochs):
        order = torch.from_numpy(stream(0, *asked.key, "shuffle", epoch).permutation(len(y)))
        for rows in torch.split(order, asked.how.batch):
            loop.param_groups[0]["lr"] = rate_at(asked.how, done, steps)
            out = model(x[rows])
            outs = (out,) if isinstance(out, torch.Tensor) else out
            loss = sum(
                (w * cross_entropy(o, y[rows]) for w, o in zip(asked.loss.exits, outs, strict=True)), torch.zeros(())
            )
            for name, p in named.items():
                for pull in asked.pulls:
                    scale = 1.0 if pull.scale is None else torch.from_numpy(pull.scale[name])
                    loss = loss + pull.strength / 2 * (scale * (p - torch.from_numpy(pull.toward[name])) ** 2).sum()
                if asked.push is not None:
                    loss = loss + (torch.from_numpy(asked.push[name]) * p).sum()
            loop.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            loop.step()
            done += 1
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items() if tensor.is_floating_point()}


def like(weights: Tensors, key: str, low: float, high: float) -> Tensors:
    return weights.with_flat(stream(0, key).uniform(low, high, len(weights.flat)).astype(np.float32))


@pytest.fixture(scope="module")
def still_engine(shelf: Any) -> TorchEngine:
    return TorchEngine(still, shelf.read)


HOWS: dict[str, Sgd | Adam] = {
    "sgd": Sgd(0.05, 2, 32),
    "sgd with momentum, decay and cooling": Sgd(0.02, 2, 32, momentum=0.9, decay=0.01, cooling=0.5),
    "adam with decay and cooling": Adam(2e-3, 2, 32, decay=0.1, cooling=1.0),
}


@pytest.mark.parametrize("extra", ["plain", "pulled and pushed", "a part only"])
@pytest.mark.parametrize("how", HOWS)
def test_fused_equals_eager(
    how: str, extra: str, still_engine: TorchEngine, shelf: Any, digits: Split, weights: dict[str, Tensors]
) -> None:
    start, examples = weights["cnn"], digits.train.take(slice(0, 90))
    pulls: tuple[Pull, ...] = ()
    push = None
    if extra != "plain":
        pulls = (
            Pull(0.3, like(start, "toward", -0.1, 0.1)),
            Pull(0.2, like(start, "other", -0.1, 0.1), like(start, "scale", 0.0, 3.0)),
        )
        push = like(start, "push", -0.01, 0.01)
    only = "exit3" if extra == "a part only" else ""
    asked = Fit(start, (shelf.put(examples),), HOWS[how], ("t", 1), CrossEntropy(EXITS), pulls, push, only)
    done: Fitted = still_engine.answer(asked)
    wanted = eager(asked, examples, still)
    assert done.steps == 6
    assert [name for name, _ in done.weights.items()] == list(wanted)
    apart = np.abs(done.weights.flat - np.concatenate([array.ravel() for array in wanted.values()]))
    # Adam divides by the gradient's own size, so one that cancels to rounding may move a weight by rounding's sign.
    assert (apart > 1e-5).mean() <= (1e-4 if isinstance(asked.how, Adam) else 0), apart.max()
    assert apart.max() < asked.how.rate
    for name, array in done.weights.items():
        if not name.startswith(only):
            np.testing.assert_array_equal(array, start[name])
    moved = [name for name, array in done.weights.items() if not np.array_equal(array, start[name])]
    assert moved and all(name.startswith(only) for name in moved)


def test_running_statistics_are_weights_too(
    engines: dict[str, TorchEngine], shelf: Any, digits: Split, weights: dict[str, Tensors], builds: Any
) -> None:
    start, examples = weights["normed"], digits.train.take(slice(0, 64))
    asked = Fit(start, (shelf.put(examples),), Sgd(0.05, 2, 32), ("t",), CrossEntropy((1.0, 1.0)))
    done: Fitted = engines["normed"].answer(asked)
    wanted = eager(asked, examples, builds["normed"])
    assert "stem.1.running_mean" in wanted
    for name, array in done.weights.items():
        np.testing.assert_allclose(array, wanted[name], atol=1e-5, rtol=0, err_msg=name)
    part: Fitted = engines["normed"].answer(
        Fit(start, asked.data, asked.how, ("t",), asked.loss, (Pull(1.0, start.zero()),), only="far")
    )
    for name, array in part.weights.items():
        assert np.array_equal(array, start[name]) != name.startswith("far"), name


def test_a_fit_is_decided_by_its_key(
    engines: dict[str, TorchEngine], shelf: Any, digits: Split, weights: dict[str, Tensors]
) -> None:
    data = (shelf.put(digits.train.take(slice(0, 100))), shelf.put(digits.site_a.take(slice(0, 30))))
    asked = Fit(weights["cnn"], data, Adam(3e-3, 2, 32), ("a",), CrossEntropy((1.0, 1.0, 1.0)))
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    threads = torch.get_num_threads()
    one: Fitted = engines["cnn"].answer(asked)
    assert torch.equal(torch.random.get_rng_state(), before), "the caller's random numbers were drawn from"
    torch.manual_seed(2)
    two: Fitted = engines["cnn"].answer(asked)
    other: Fitted = engines["cnn"].answer(Fit(asked.start, data, asked.how, ("b",), asked.loss))
    assert one.weights.digest() == two.weights.digest() != other.weights.digest()
    assert (one.steps, torch.get_num_threads()) == (2 * 5, threads)
    assert one.loss == two.loss


def test_training_learns(
    engines: dict[str, TorchEngine], shelf: Any, digits: Split, weights: dict[str, Tensors]
) -> None:
    data = (shelf.put(digits.train),)
    first: Fitted = engines["mlp"].answer(Fit(weights["mlp"], data, Adam(3e-3, 1), ("a",)))
    later: Fitted = engines["mlp"].answer(Fit(first.weights, data, Adam(3e-3, 15), ("b",)))
    assert later.loss < 0.5 * first.loss


def test_what_does_not_fit_is_named(
    engines: dict[str, TorchEngine], shelf: Any, digits: Split, weights: dict[str, Tensors]
) -> None:
    data, three = (shelf.put(digits.train.take(slice(0, 40))),), CrossEntropy((1.0, 1.0, 1.0))
    blank = digits.train.take(slice(0, 4))
    unlabelled = (shelf.put(Examples(blank.x, np.array([1, -1, 2, -1], np.int64), blank.tier)),)
    beyond = (shelf.put(Examples(blank.x, np.array([1, 2, 3, 10], np.int64), blank.tier)),)
    start, how = weights["cnn"], Sgd(0.1)
    wrong = [
        (Fit(start, data, how, ("a",)), "one per exit"),
        (Fit(start, unlabelled, how, ("a",), three), "2 of 4 examples have no label"),
        (Fit(start, beyond, how, ("a",), three), "project's model failed"),
        (Fit(weights["mlp"], data, how, ("a",), three), "do not fit a model"),
        (Fit(start, data, how, ("a",), three, only="exit9"), "no parameter begins with 'exit9'"),
        (Fit(start, data, how, ("a",), three, (Pull(1.0, weights["mlp"]),)), "other tensors"),
        (Fit(start, data, Sgd(1e6, 5), ("a",), three), "lower the rate"),
        (Fit(start, data, Sgd(0.1, 0), ("a",), three), "at least 1"),
        (Fit(start, data, Sgd(0.1, cooling=1.5), ("a",), three), "share of the steps"),
        (Fit(start, data, how, ("a",), CrossEntropy((0.0, 0.0, 0.0))), "nothing to learn"),
        (Fit(start, (), how, ("a",), three), "names no data"),
    ]
    for asked, part in wrong:
        with pytest.raises(ConfigError, match=part):
            engines["cnn"].answer(asked)
