"""A job's bytes are decided by the job: not by workers, interruptions or the order in which clients were chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from sklearn.datasets import load_digits
from torch import nn

from ganglion.core.compute import Fit, Initial, Sgd
from ganglion.core.errors import ConfigError, Corrupt, GanglionError
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, Tier
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.sample import Examples
from ganglion.engine.torch import TorchEngine
from ganglion.learn import METHODS, Strategy
from ganglion.learn.aggregate import Median
from ganglion.learn.client import LocalSgd
from ganglion.learn.partition import ByOwner, Dirichlet, Iid, Shards
from ganglion.learn.select import Uniform
from ganglion.train import Federation, Result, Stop

HOW = Sgd(0.2, 1, 10)


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def normed() -> nn.Module:
    return nn.Sequential(nn.Linear(64, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))


def examples() -> tuple[Examples, Examples]:
    x, y = load_digits(return_X_y=True)
    whole = Examples((x / 16).astype(np.float32), y.astype(np.int64), Tier.PUBLIC)
    return whole.take(slice(0, 700)), whole.take(slice(1200, 1797))


def job(strategy: Strategy, **more: Any) -> Federation:
    train, test = examples()
    given = {
        "parts": Dirichlet(12, 0.5, 5)(train.y, stream(0, "parts")),
        "test": test,
        "held_out": 0.2,
        "workers": 0,
        "alone": 0.0,
    }
    return Federation(**{"build": build, "train": train, "strategy": strategy, **given, **more})


def told(result: Result) -> tuple[str, Any]:
    return result.weights.digest(), result.rounds


@pytest.mark.parametrize("name", METHODS)
def test_any_number_of_workers_gives_the_same_bytes(name: str) -> None:
    more = {"parts": "2"} if name == "fedper" else {}
    asked = job(METHODS[name](HOW, Uniform(7), **more), build=normed if name == "fedbn" else build)
    one, two = (replace(asked, workers=count).run(Stop(4, every=2)) for count in (0, 2))
    assert told(one) == told(two)
    assert [one.models(k).digest() for k in range(12)] == [two.models(k).digest() for k in range(12)]
    assert [played.accuracy is None for played in one.rounds] == [True, False, True, False]


def test_a_robust_aggregate_sees_every_update_from_any_worker() -> None:
    asked = job(Strategy(Uniform(5), LocalSgd(HOW), aggregate=Median()))
    assert told(asked.run(Stop(3))) == told(replace(asked, workers=3).run(Stop(3)))


@pytest.mark.parametrize("name", ["fedavg", "fedadam", "scaffold", "ditto"])
def test_an_interrupted_job_goes_on_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    asked = job(METHODS[name](HOW, Uniform(5)))
    straight = asked.run(Stop(6))
    asked.run(Stop(2), tmp_path)
    asked.run(Stop(4), tmp_path)
    resumed = replace(asked, workers=2).run(Stop(6), tmp_path)
    assert told(resumed) == told(straight) and len(resumed.rounds) == 6
    assert [resumed.models(k).digest() for k in range(12)] == [straight.models(k).digest() for k in range(12)]
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_a_folder_of_another_job_or_with_damage_is_refused(tmp_path: Path) -> None:
    asked = job(METHODS["fedavg"](HOW, Uniform(5)))
    asked.run(Stop(1), tmp_path)
    with pytest.raises(ConfigError, match="another job"):
        replace(asked, seed=1).run(Stop(2), tmp_path)
    tensors = next(tmp_path.glob("*.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(Corrupt, match="is not what"):
        asked.run(Stop(2), tmp_path)
    (tmp_path / "job.json").write_text("{}")
    with pytest.raises(Corrupt, match="cannot be resumed"):
        asked.run(Stop(2), tmp_path)


@dataclass(frozen=True)
class Backwards:
    """Everybody, last name first."""

    def __call__(self, candidates: Sequence[NodeId], rng: Generator) -> tuple[NodeId, ...]:
        return tuple(candidates)[::-1]


def test_the_order_in_which_clients_come_does_not_matter() -> None:
    one, other = (job(METHODS["fedavg"](HOW, select)).run(Stop(2)) for select in (Uniform(12), Backwards()))
    assert told(one) == told(other)


@pytest.mark.parametrize("made", [build, normed])
def test_one_client_is_central_training_to_the_bit(made: Any) -> None:
    train, _ = examples()
    federated = Federation(made, train, [np.arange(700)], METHODS["fedavg"](Sgd(0.1, 2, 16)), workers=0).run(Stop(1))
    ref = Ref("all", 0, PUBLIC_RAW)
    engine = TorchEngine(made, lambda ref: train)
    start = engine.answer(Initial(("initial",)))
    central = engine.answer(Fit(start, (ref,), Sgd(0.1, 2, 16), ("round", 0, "client", 0))).weights
    moved = start + (central - start)  # what travels is a difference, in single precision
    assert federated.weights.digest() == moved.digest()
    np.testing.assert_allclose(federated.weights.flat, central.flat, atol=1e-7)


def test_it_stops_at_a_target_or_when_nothing_gets_better() -> None:
    reached = job(METHODS["fedavg"](HOW, Uniform(12))).run(Stop(60, target=0.6))
    assert reached.why == "target reached" and reached.rounds_to_target == len(reached.rounds) < 60
    assert (reached.rounds[-1].accuracy or 0) >= 0.6 > (reached.rounds[-2].accuracy or 0)
    stuck = job(METHODS["fedavg"](Sgd(1e-9, 1, 10), Uniform(3))).run(Stop(60, patience=3))
    assert "no better" in stuck.why and len(stuck.rounds) == 4 and stuck.rounds_to_target is None
    with pytest.raises(ConfigError, match="1 or more"):
        Stop(0)


def test_clients_are_judged_by_what_they_hold_out_and_the_worst_tenth_is_told() -> None:
    train, _ = examples()
    few = Shards(12, 2)(train.y, stream(0, "parts"))  # about two classes each
    own, common = (
        job(strategy, test=None, parts=few).run(Stop(6, every=6)).rounds[-1].judged
        for strategy in (METHODS["fedper"](HOW, Uniform(12), parts="2"), METHODS["fedavg"](HOW, Uniform(12)))
    )
    assert common.accuracy is None and common.clients_mean is not None and own.clients_mean is not None
    assert own.clients_mean > common.clients_mean + 0.05  # with few classes each, an own head helps
    assert common.clients_worst is not None and common.clients_worst < common.clients_mean


def test_a_client_that_diverges_fails_alone() -> None:
    train, test = examples()
    x = train.x.copy()
    x[train.y == 3] *= np.float32(1e25)
    owner = (train.y == 3).astype(np.int64) + 2 * (np.arange(700) % 3)
    parts = ByOwner()(train.y, stream(0, "p"), owner)
    bad = Examples(x, train.y, train.tier)
    result = Federation(build, bad, parts, METHODS["fedavg"](HOW, Uniform(6)), test, workers=2, alone=0.0).run(Stop(2))
    failed = result.rounds[0].failed
    assert [client for client, _ in failed] == [1, 3, 5] and "lower the rate" in failed[0][1]
    assert np.isfinite(result.weights.flat).all() and result.rounds[0].up_bytes * 2 == result.rounds[0].down_bytes
    with pytest.raises(GanglionError, match="every client failed"):
        Federation(build, bad, parts[1::2], METHODS["fedavg"](HOW, Uniform(6)), test, workers=2, alone=0.0).run(Stop(2))


def test_partitions_are_as_asked() -> None:
    y = np.repeat(np.arange(10), 100)
    assert {len(part) for part in Iid(7)(y, stream(0, "p"))} == {142, 143}
    skewed, even = (Dirichlet(10, alpha, 10)(y, stream(0, "p")) for alpha in (0.1, 1000.0))
    kinds = [np.mean([len(np.unique(y[part])) for part in parts]) for parts in (skewed, even)]
    assert kinds[0] < 6 and kinds[1] == 10.0 and min(map(len, skewed)) >= 10
    with pytest.raises(ConfigError, match="raise alpha"):
        Dirichlet(9, 0.01, 10)(y[::10], stream(0, "p"))
    with pytest.raises(ConfigError, match="cannot share"):
        Iid(2000)(y, stream(0, "p"))
    with pytest.raises(ConfigError, match="none was recorded"):
        ByOwner()(y, stream(0, "p"))
