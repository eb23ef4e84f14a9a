"""Each named method against its paper's equations written out, and what each becomes at the ends of its parameters."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ganglion.core.compute import Sgd
from ganglion.core.errors import ConfigError, GanglionError
from ganglion.learn import METHODS, Constant, Cosine, Exponential, Inverse, Strategy, together
from ganglion.learn.client import Personal, Scaffold
from ganglion.learn.select import Uniform
from ganglion.protect import Clip
from quadratics import SIZE, START, Played, Quadratics, Vector, some

HOW = Sgd(0.05, 2, 8)
SHARE = np.array([10.0, 20.0, 30.0]) / 60.0


def local(e: Quadratics, k: int, w: Vector, how: Sgd = HOW, more: Any = None) -> Vector:
    """Plain steps of client k, with `more(w)` added to each slope."""
    for _ in range(e.steps(k, how)):
        w = w - how.rate * (e.slope(k, w) + (0.0 if more is None else more(w)))
    return w


def start() -> Vector:
    return START.flat.astype(np.float64)


def check(name: str, wanted: list[Vector], engine: Quadratics | None = None, **more: Any) -> Played:
    """Rounds of a method give these weights."""
    played = Played.of(METHODS[name](HOW, Uniform(3), **more), engine or some())
    for number, w in enumerate(wanted):
        np.testing.assert_allclose(played.round(), w, atol=2e-6, err_msg=f"{name}, round {number}")
    return played


def averaged(rounds: int, more: Any = None) -> list[Vector]:
    e, w, found = some(), start(), []
    for _ in range(rounds):
        base = w
        w = sum(p * local(e, k, base, more=more and (lambda v, base=base: more(v, base))) for k, p in enumerate(SHARE))
        found.append(w)
    return found


def test_fedavg_and_fedprox() -> None:
    check("fedavg", averaged(3))
    check("fedprox", averaged(3, lambda w, base: 0.7 * (w - base)), mu=0.7)
    check("fedprox", averaged(3), mu=0.0)


def test_fedsgd_is_a_step_on_everybody_together() -> None:
    e, w, found = some(), start(), []
    for _ in range(3):
        w = w - HOW.rate * sum(p * e.slope(k, w) for k, p in enumerate(SHARE))
        found.append(w)
    check("fedsgd", found)


def test_momentum_at_the_server() -> None:
    e, w, v, found = some(), start(), np.zeros(SIZE), []
    for _ in range(3):
        v = 0.8 * v + sum(p * (local(e, k, w) - w) for k, p in enumerate(SHARE))
        w = w + 0.5 * v
        found.append(w)
    check("fedavgm", found, beta=0.8, rate=0.5)
    check("fedavgm", averaged(3), beta=0.0)


@pytest.mark.parametrize("name", ["fedadam", "fedyogi", "fedadagrad"])
def test_adaptive_servers(name: str) -> None:
    e, w, m, v, found = some(), start(), np.zeros(SIZE), np.full(SIZE, 0.01**2), []
    beta = 0.0 if name == "fedadagrad" else 0.9
    for _ in range(4):
        d = sum((local(e, k, w) - w for k in range(3)), np.zeros(SIZE)) / 3
        m = beta * m + (1 - beta) * d
        if name == "fedadagrad":
            v = v + d**2
        elif name == "fedadam":
            v = 0.99 * v + 0.01 * d**2
        else:
            v = v - 0.01 * d**2 * np.sign(v - d**2)
        w = w + 0.2 * m / (np.sqrt(v) + 0.01)
        found.append(w)
    check(name, found, rate=0.2, tau=0.01)


def test_scaffold_with_some_of_its_clients() -> None:
    e, w, c, own = some(), start(), np.zeros(SIZE), [np.zeros(SIZE) for _ in range(3)]
    played = Played.of(METHODS["scaffold"](HOW, Uniform(2), rate=0.8), e)
    for cohort in ([0, 1, 2], [0, 2], [1, 2]):
        after = [local(e, k, w, more=lambda v, k=k, c=c: c - own[k]) for k in cohort]
        new = [own[k] - c + (w - y) / (e.steps(k, HOW) * HOW.rate) for k, y in zip(cohort, after, strict=True)]
        change = sum((n - own[k] for k, n in zip(cohort, new, strict=True)), np.zeros(SIZE))
        w = w + 0.8 * sum((y - w for y in after), np.zeros(SIZE)) / len(cohort)
        c = c + change / 3
        for k, n in zip(cohort, new, strict=True):
            own[k] = n
        np.testing.assert_allclose(played.round(cohort), w, atol=2e-6)
        np.testing.assert_allclose(played.server.common["control"].flat, c, atol=5e-6)


def test_scaffold_with_one_client_is_plain_descent() -> None:
    e, w = some(1, (4,)), start()
    played = Played.of(METHODS["scaffold"](HOW, Uniform(1)), e)
    for _ in range(4):
        w = local(e, 0, w)
        np.testing.assert_allclose(played.round(), w, atol=2e-6)


def test_fednova_levels_steps() -> None:
    e, w, found = some(), start(), []
    tau = np.array([e.steps(k, HOW) for k in range(3)])
    for _ in range(3):
        d = sum(p * (local(e, k, w) - w) / tau[k] for k, p in enumerate(SHARE))
        w = w + float((SHARE * tau).sum()) * d
        found.append(w)
    check("fednova", found)
    alike = some(3, (4, 4, 4))
    nova, plain = (Played.of(METHODS[name](HOW), alike) for name in ("fednova", "fedavg"))
    for _ in range(3):
        np.testing.assert_allclose(nova.round(), plain.round(), atol=1e-6)


def test_fednova_counts_each_gradient_under_momentum_as_often_as_it_is_in_the_weights() -> None:
    aggregate = METHODS["fednova"](Sgd(0.1, momentum=0.6)).aggregate
    velocity, moved = 0.0, 0.0
    for _ in range(7):  # gradients of 1
        velocity = 0.6 * velocity + 1.0
        moved += velocity
    assert aggregate._amount(7) == pytest.approx(moved)  # type: ignore[attr-defined]


@pytest.mark.parametrize("q", [0.0, 0.5, 2.0])
def test_q_fedavg(q: float) -> None:
    e, w, found, lipschitz = some(), start(), [], 1 / HOW.rate
    for _ in range(3):
        loss = [e.value(k, w) for k in range(3)]
        moved = [lipschitz * (w - local(e, k, w)) for k in range(3)]
        up = sum((f**q * d for f, d in zip(loss, moved, strict=True)), np.zeros(SIZE))
        down = sum(q * f ** (q - 1) * (d @ d) + lipschitz * f**q for f, d in zip(loss, moved, strict=True))
        w = w - up / down
        found.append(w)
    check("qfedavg", found, q=q)


def test_ditto_keeps_models_of_their_own_beside_fedavg() -> None:
    e, own, w = some(), [start() for _ in range(3)], start()
    after = averaged(3)
    played = Played.of(METHODS["ditto"](HOW, Uniform(3), strength=0.6), e)
    for number in range(3):
        own = [local(e, k, own[k], more=lambda v, w=w: 0.6 * (v - w)) for k in range(3)]
        np.testing.assert_allclose(played.round(), after[number], atol=2e-6)
        w = after[number]
        for k in range(3):
            np.testing.assert_allclose(played.kept[k]["own"].flat, own[k], atol=2e-6)


def test_fedper_keeps_the_head_and_shares_the_body() -> None:
    e, w, heads = some(), start(), [start()[3:] for _ in range(3)]
    played = Played.of(METHODS["fedper"](HOW, Uniform(3), parts="head."), e)
    for _ in range(3):
        after = [local(e, k, np.concatenate([w[:3], heads[k]])) for k in range(3)]
        heads = [y[3:] for y in after]
        w = np.concatenate([sum(p * y[:3] for p, y in zip(SHARE, after, strict=True)), w[3:]])
        np.testing.assert_allclose(played.round(), w, atol=2e-6)
        for k in range(3):
            train = played.strategy.train
            assert isinstance(train, Personal)
            answers = train.own(played.server.weights, played.kept[k]).flat
            np.testing.assert_allclose(answers, np.concatenate([w[:3], heads[k]]), atol=2e-6)


def test_fedbn_knows_normalisations_by_what_they_keep() -> None:
    layout = tuple((name, (2,)) for name in ("a.weight", "n.weight", "n.bias", "n.running_mean", "n.running_var"))
    train = METHODS["fedbn"](HOW).train
    assert isinstance(train, Personal)
    assert [train.stays(name, layout) for name, _ in layout] == [False, True, True, True, True]


def test_rates_follow_their_schedules() -> None:
    e, w = some(), start()
    strategy = Strategy(
        Uniform(3), METHODS["fedavg"](HOW).train, client_rate=Exponential(0.5), server_rate=Inverse(2.0)
    )
    played = Played.of(strategy, e)
    for number in range(3):
        how = Sgd(HOW.rate * 0.5**number, 2, 8)
        w = w + (sum(p * local(e, k, w, how) for k, p in enumerate(SHARE)) - w) / (1 + number / 2)
        np.testing.assert_allclose(played.round(), w, atol=2e-6)
    assert [Constant()(n) for n in (0, 9)] == [1.0, 1.0]
    cosine = Cosine(rounds=12, warm=2, least=0.1)
    assert [cosine(n) for n in (0, 2, 7, 12, 40)] == pytest.approx([1 / 3, 1.0, 0.55, 0.1, 0.1])


def test_a_client_that_fails_fails_alone_and_is_told_in_its_own_method() -> None:
    e = some()
    e.A[1] = e.A[1] * 1e200  # type: ignore[index]
    played = Played.of(METHODS["fedavg"](HOW), e)
    with np.errstate(all="ignore"), pytest.raises(AssertionError):
        played.round()

    def wary() -> Any:
        try:
            yield from Scaffold(HOW)(*asked)
        except GanglionError as error:
            return f"heard: {error}"

    from ganglion.core.label import PUBLIC_RAW
    from ganglion.core.ref import Ref
    from ganglion.learn import Task

    asked: Any = (Task(START, (Ref("1", 0, PUBLIC_RAW),), 1, ("k",)), {})
    with np.errstate(all="ignore"):
        assert together([wary()], e.answer_all) == ["heard: diverged"]


def test_what_is_shared_beside_the_delta_is_not_protected_with_it() -> None:
    with pytest.raises(ConfigError, match=r"Clip.* would not see control.*choose LocalSgd"):
        Strategy(train=Scaffold(), prepare=(Clip(1.0),))
    with pytest.raises(ValueError, match="plain steps"):
        Scaffold(Sgd(0.1, momentum=0.9))
