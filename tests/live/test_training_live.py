"""One federated job in both worlds: real processes, two of them killed on the way, come to the simulator's bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganglion.bench.fl_fleet import DEALT, begin
from ganglion.bench.fl_live import CLOUD, PROJECT, setup
from ganglion.core.compute import Sgd
from ganglion.core.facts import Restarted
from ganglion.core.fleet import NodeId
from ganglion.engine.torch import TorchEngine
from ganglion.flow.round.messages import Rejected, Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Progress, TrainOver, Until
from ganglion.live.supervisor import LiveFleet
from ganglion.project import resolve

CLIENTS = (NodeId("edge-00"), NodeId("edge-01"), NodeId("edge-02"))


def job(method: str, epochs: int) -> Train:
    terms = Terms(0, method, Sgd(0.05, epochs=epochs, batch=16))
    return Train(0, terms, CLIENTS, Choice(count=3), Until(4), patience_s=900.0)


def reached(step: int) -> Callable[[NodeId, Any], bool]:
    return lambda _, body: isinstance(body, Progress) and body.number == step


@pytest.mark.live
@pytest.mark.parametrize(("method", "epochs"), [("fedavg", 0), ("scaffold", 1)], ids=["rehearsed", "learnt"])
def test_killed_processes_come_to_the_bytes_of_an_undisturbed_simulation(
    method: str, epochs: int, tmp_path: Path
) -> None:
    loaded = resolve(PROJECT)
    story = begin(setup(3).fleet, 1, project=loaded.project, engine=lambda disk: TorchEngine(loaded.build, disk.get))
    story.world.begin(CLOUD, job(method, epochs))
    wanted = story.over()
    assert wanted is not None and wanted.why == "rounds"
    assert not epochs or wanted.accuracy > story.curve()[0].accuracy

    with LiveFleet(setup(3), tmp_path / "fleet", DEALT, shaped=False) as running:
        running.begin(CLOUD, job(method, epochs))
        for step, victim in ((1, CLIENTS[1]), (2, CLOUD)):
            running.wait(reached(step), 90.0)
            running.kill(victim)
            running.start(victim)
        over: TrainOver = running.wait(lambda _, body: isinstance(body, TrainOver), 90.0)
        told = [body for _, _, body in running.facts]
    assert sum(isinstance(body, Restarted) for body in told) == 2
    assert not any(isinstance(body, Rejected) for body in told)
    assert (over.weights, over.why, over.accuracy) == (wanted.weights, "rounds", wanted.accuracy)
