"""Learning with a real, small engine: softmax regression in numpy that answers `Fit`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from ganglion.core.compute import Compute, Fit, Fitted, Sgd, Steps
from ganglion.core.errors import ConfigError
from ganglion.core.label import Form, Label, Tier
from ganglion.core.probability import softmax
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.core.tensors import Tensors
from ganglion.core.update import Update
from ganglion.learn import Strategy, Task, total
from ganglion.learn.aggregate import Mean, Median
from ganglion.learn.client import LocalSgd
from ganglion.learn.select import Uniform
from ganglion.learn.step import Add, Momentum
from ganglion.learn.transfer import Finetune
from ganglion.protect import Clip, Noise

START = Tensors.of({"body/w": np.zeros((64, 10)), "head/b": np.zeros(10)})


@dataclass
class Engine:
    """Softmax regression by gradient descent; holds examples by the digest of their reference."""

    held: dict[str, Examples] = field(default_factory=dict)
    answers: ClassVar[frozenset[type[Compute[Any]]]] = frozenset({Fit})

    def put(self, name: str, examples: Examples) -> Ref:
        self.held[name] = examples
        return Ref(name, examples.x.nbytes, Label(examples.tier, Form.RAW))

    def answer(self, asked: Compute[Any]) -> Any:
        assert isinstance(asked, Fit) and isinstance(asked.how, Sgd)
        parts = [self.held[ref.digest] for ref in asked.data]
        x, y = np.concatenate([p.x for p in parts]).astype(np.float64), np.concatenate([p.y for p in parts])
        flat, rng, steps, losses = asked.start.flat.astype(np.float64), stream(0, *asked.key), 0, []
        moves = np.concatenate([np.full(a.size, float(n.startswith(asked.only))) for n, a in asked.start.items()])
        for _ in range(asked.how.epochs):
            order = rng.permutation(len(x))
            for rows in np.array_split(order, max(1, len(x) // asked.how.batch)):
                slope, loss = self.slope(flat, x[rows], y[rows])
                for pull in asked.pulls:
                    slope += pull.strength * (flat - pull.toward.flat)
                flat -= asked.how.rate * moves * slope
                steps += 1
                losses.append(loss)
        return Fitted(asked.start.with_flat(flat.astype(np.float32)), steps, float(np.mean(losses)))

    @staticmethod
    def slope(flat: Any, x: Any, y: Any) -> tuple[Any, float]:
        p = softmax(x @ flat[:640].reshape(64, 10) + flat[640:])
        loss = -float(np.log(p[np.arange(len(y)), y]).mean())
        p[np.arange(len(y)), y] -= 1.0
        return np.concatenate([(x.T @ p).ravel(), p.sum(0)]) / len(y), loss


def run(steps: Steps[Any], engine: Engine) -> Any:
    """Answers everything that is yielded."""
    try:
        asked = next(steps)
        while True:
            assert type(asked) in engine.answers
            asked = steps.send(engine.answer(asked))
    except StopIteration as end:
        return end.value


def digits(tier: Tier = Tier.PUBLIC) -> Examples:
    x, y = load_digits(return_X_y=True)
    return Examples((x / 16).astype(np.float32), y.astype(np.int64), tier)


def accuracy(weights: Tensors, examples: Examples) -> float:
    said = (examples.x @ weights["body/w"] + weights["head/b"]).argmax(-1)
    return float((said == examples.y).mean())


def task(engine: Engine, examples: Examples, name: str, weights: Tensors = START) -> Task:
    return Task(weights, (engine.put(name, examples),), len(examples), ("task", name))


def one_round(strategy: Strategy, engine: Engine, tasks: list[Task], weights: Tensors, state: Any) -> Any:
    updates = []
    for number, each in enumerate(tasks):
        update, _ = run(strategy.train(each, {}), engine)
        for prepare in strategy.prepare:
            update, _ = prepare(update, stream(1, "prepare", number), None)
        updates.append(update)
    return strategy.step(weights, strategy.aggregate(updates), state)


@pytest.mark.parametrize("aggregate", [Mean(), Mean(weighted=False), Median()])
@pytest.mark.parametrize("step", [Add(), Momentum(beta=0.0)])
def test_one_client_is_central_training(aggregate: Any, step: Any) -> None:
    engine = Engine()
    strategy = Strategy(train=LocalSgd(Sgd(0.5, epochs=2)), aggregate=aggregate, step=step)
    alone = task(engine, digits().take(slice(600)), "all")
    got, _ = one_round(strategy, engine, [alone], START, None)
    central = engine.answer(Fit(START, alone.data, Sgd(0.5, epochs=2), alone.key)).weights
    # weights - start + start, in single precision: equal but for the last bit
    np.testing.assert_allclose(got.flat, central.flat, rtol=2e-7, atol=1e-8)


def test_whole_batch_clients_together_are_one_client_with_all_the_data() -> None:
    engine, every = Engine(), digits()
    how = Sgd(0.5, epochs=1, batch=10_000)  # one step each: the mean of gradients is the gradient of the mean
    tasks = [task(engine, every.take(slice(a, b)), f"part{a}") for a, b in [(0, 100), (100, 500), (500, 1797)]]
    got, _ = one_round(Strategy(train=LocalSgd(how)), engine, tasks, START, None)
    central = engine.answer(Fit(START, (engine.put("all", every),), how, ("k",))).weights
    np.testing.assert_allclose(got.flat, central.flat, atol=1e-7)


def test_rounds_over_unlike_clients_learn_and_momentum_is_faster() -> None:
    every = digits()
    held, losses = every.take(slice(1200, None)), []
    for step in (Add(), Momentum(beta=0.8)):
        engine, weights, state = Engine(), START, None
        sites = [every.take(np.flatnonzero((every.y % 5 == k) & (np.arange(len(every)) < 1200))) for k in range(5)]
        strategy = Strategy(train=LocalSgd(Sgd(0.01, epochs=1)), step=step)
        for number in range(5):
            tasks = [task(engine, site, f"{number}/{k}", weights) for k, site in enumerate(sites)]
            weights, state = one_round(strategy, engine, tasks, weights, state)
        assert accuracy(weights, held) > 0.7
        losses.append(Engine.slope(weights.flat, held.x, held.y)[1])
    assert losses[1] < losses[0] - 0.05


def test_a_proximal_pull_keeps_a_client_near_and_none_is_none() -> None:
    engine = Engine()
    norms = []
    for strength in (0.0, 0.1, 1.0, 10.0):
        update, kept = run(LocalSgd(Sgd(0.05, epochs=5), strength)(task(engine, digits(), "d"), {}), engine)
        norms.append(update.delta.norm())
        assert (update.weight, update.tier, kept) == (1797.0, Tier.PUBLIC, {})
    assert norms == sorted(norms, reverse=True) and norms[-1] < 0.2 * norms[0]


def test_replay_keeps_what_was_known_and_the_update_has_the_highest_tier() -> None:
    engine, every = Engine(), digits()
    old = every.take(np.flatnonzero(every.y < 5))
    new = every.take(np.flatnonzero(every.y >= 5))
    fresh, held_new = Examples(new.x[:300], new.y[:300], Tier.EDGE), new.take(slice(300, None))
    replay, held = engine.put("old", old.take(slice(300))), old.take(slice(300, None))
    known = engine.answer(Fit(START, (replay,), Sgd(0.5, epochs=30), ("a",))).weights
    data, how = engine.put("fresh", fresh), Finetune(Sgd(0.1, epochs=60))
    alone, _ = run(how(Task(known, (data,), 300, ("t",)), {}), engine)
    both, _ = run(how(Task(known, (data,), 300, ("t",), replay=(replay,)), {}), engine)
    assert alone.tier is both.tier is Tier.EDGE and both.weight == 300.0
    assert accuracy(known + both.delta, held) > accuracy(known + alone.delta, held) + 0.05
    assert accuracy(known, held_new) == 0.0
    assert accuracy(known + both.delta, held_new) > 0.85


def test_an_anchor_holds_and_only_a_part_moves() -> None:
    engine = Engine()
    given = task(engine, digits().take(slice(300)), "d")
    free, _ = run(Finetune(Sgd(0.05, epochs=10))(given, {}), engine)
    held, _ = run(Finetune(Sgd(0.05, epochs=10), anchor=5.0)(given, {}), engine)
    assert held.delta.norm() < 0.5 * free.delta.norm()
    head, _ = run(Finetune(Sgd(0.05, epochs=10), only="head/")(given, {}), engine)
    assert not head.delta["body/w"].any() and head.delta["head/b"].any()


def test_a_median_stands_what_a_mean_does_not() -> None:
    engine = Engine()
    tasks = [task(engine, digits().take(slice(k * 200, k * 200 + 200)), f"{k}") for k in range(5)]
    honest = [run(LocalSgd(Sgd(0.5, epochs=3))(each, {}), engine)[0] for each in tasks]
    liars = [Update(honest[0].delta * -1000.0, 200.0, Tier.PUBLIC) for _ in range(2)]
    assert accuracy(START + Median()([*honest[:3], *liars]), digits()) > 0.7
    assert accuracy(START + Mean()([*honest[:3], *liars]), digits()) < 0.3


@given(weights=st.lists(st.floats(0.1, 1e6), min_size=1, max_size=6), scale=st.floats(0.01, 100.0))
def test_a_mean_depends_on_the_ratio_of_weights_alone(weights: list[float], scale: float) -> None:
    def made(factor: float) -> list[Update]:
        rng = stream(1, "mean")
        return [Update(Tensors.of({"w": rng.normal(size=5)}), w * factor, Tier.PUBLIC) for w in weights]

    np.testing.assert_allclose(Mean()(made(1.0)).flat, Mean()(made(scale)).flat, rtol=1e-6, atol=1e-9)
    low = min(float(u.delta.flat.min()) for u in made(1.0))
    assert (Mean()(made(1.0)).flat >= low - 1e-6).all()


def test_updates_that_make_no_sense_are_refused() -> None:
    one = Update(Tensors.of({"w": np.ones(2)}), 1.0, Tier.PUBLIC)
    other = Update(Tensors.of({"v": np.ones(2)}), 1.0, Tier.PUBLIC)
    for aggregate in (Mean(), Median()):
        with pytest.raises(ValueError, match="no updates"):
            aggregate([])
        with pytest.raises(ValueError, match="different layouts"):
            aggregate([one, other])
    with pytest.raises(ValueError, match="together have no mean"):
        Mean()([Update(one.delta, 0.0, Tier.PUBLIC)])
    with pytest.raises(ValueError, match="no place in a mean"):
        Mean()([Update(one.delta, float("nan"), Tier.PUBLIC)])
    with pytest.raises(ValueError, match="no layout"):
        total(Mean(), [])


@dataclass(frozen=True)
class Masked:
    """A protection that lets only the sum be seen, as secure summation does."""

    hides: ClassVar[frozenset[str]] = frozenset({"each"})

    def __call__(self, update: Update, rng: Any, kept: Any) -> tuple[Update, Any]:
        return update, kept


@dataclass(frozen=True)
class Odd:
    """Speaks of a fact that the table does not know."""

    needs: ClassVar[frozenset[str]] = frozenset({"moonlight"})

    def __call__(self, updates: Any) -> Any:
        return updates[0].delta


def test_contradictions_are_refused_when_built_and_the_nearest_legal_choice_is_named() -> None:
    with pytest.raises(ConfigError, match=r"Median\(\) has to see every update.*Masked\(\) hides it; choose Mean"):
        Strategy(prepare=(Masked(),), aggregate=Median())
    with pytest.raises(ConfigError, match=r"how many examples.*choose Mean\(weighted=False\)"):
        Strategy(prepare=(Clip(1.0), Noise()))
    with pytest.raises(ConfigError, match=r"moonlight.*add a row"):
        Strategy(aggregate=Odd())
    assert Strategy(prepare=(Noise(),), aggregate=Mean(weighted=False)).linear
    assert Strategy(prepare=(Masked(),), aggregate=Mean()).linear
    assert not Strategy(prepare=(Noise(),), aggregate=Median()).linear


def test_a_strategy_says_what_it_is_made_of() -> None:
    said = repr(Strategy(select=Uniform(3), prepare=(Clip(2.0),), aggregate=Median(), step=Momentum(0.5)))
    assert all(part in said for part in ("Uniform(count=3)", "Clip(bound=2.0)", "Median()", "Momentum(beta=0.5"))
    with pytest.raises(ValueError, match="would ask nobody"):
        Uniform(0)


def test_everybody_is_asked_as_often_as_everybody_else() -> None:
    nodes = tuple(f"n{k}" for k in range(6))
    counts = dict.fromkeys(nodes, 0)
    for number in range(600):
        for node in Uniform(2)(nodes, stream(number, "select")):  # type: ignore[arg-type]
            counts[node] += 1
    assert min(counts.values()) > 150 and max(counts.values()) < 250  # 200 expected, standard deviation 12
