"""What a federated job's bytes do not depend on: aggregators in between, and which of the two worlds it is in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.blob import tensors_of_bytes
from ..core.compute import Sgd
from ..core.fleet import Fleet
from ..core.ports import Disk
from ..core.tensors import Tensors
from ..engine.torch import TorchEngine
from ..flow.round.messages import Terms
from ..flow.train.cloud import Train
from ..flow.train.messages import Choice, TrainOver, Until
from ..live.supervisor import LiveFleet
from ..project import resolve
from .fl_fleet import CLOUD, DEALT, begin, flat_of, tree
from .fl_live import PROJECT, setup

Row = dict[str, Any]
WAYS: dict[str, tuple[tuple[str, float | str], ...]] = {"raw": (), "dgc": (("name", "dgc"), ("share", 0.01))}


def levels() -> Iterator[Row]:
    """Two fog levels against one, in the simulator, for methods that share and that do not."""
    deep = tree(2, 3)
    for method in ("fedavg", "fednova", "scaffold", "fedadam"):
        terms = Terms(0, method, Sgd(0.1, epochs=1, batch=10))
        one = _simulated(deep, replace(terms, tiers=1))
        other = _simulated(flat_of(deep), terms)
        apart = float(np.abs(one.flat - other.flat).max())
        yield {"what": "two levels = one", "of": method, "apart": apart, "bar": "<= 1e-06", "ok": apart <= 1e-6}


def _simulated(fleet: Fleet, terms: Terms) -> Tensors:
    story = begin(fleet, 0)
    clients = tuple(node.id for node in fleet.children(CLOUD))
    story.world.begin(CLOUD, Train(0, terms, clients, Choice(count=len(clients)), Until(4), learners=6))
    over = story.over()
    assert over is not None and over.weights is not None
    return tensors_of_bytes(story.drive(CLOUD).tools.disk.get(over.weights))


def worlds() -> Iterator[Row]:
    """A loss-free job in rounds, simulated and over processes."""
    loaded = resolve(PROJECT)

    def engine(disk: Disk) -> TorchEngine:
        return TorchEngine(loaded.build, disk.get)

    for name, compress in WAYS.items():
        clients = tuple(node.id for node in setup(3).fleet.children(CLOUD))
        terms = Terms(0, how=Sgd(0.05, epochs=1, batch=16), compress=compress)
        story = begin(setup(3).fleet, 1, project=loaded.project, engine=engine)
        story.world.begin(CLOUD, Train(0, terms, clients, Choice(count=3), Until(3), patience_s=900.0))
        wanted = story.over()
        with (
            tempfile.TemporaryDirectory(prefix="ganglion-fl-") as folder,
            LiveFleet(setup(3), Path(folder) / "fleet", DEALT, shaped=False) as running,
        ):
            running.begin(CLOUD, Train(0, terms, clients, Choice(count=3), Until(3), patience_s=900.0))
            over: TrainOver = running.wait(lambda _, body: isinstance(body, TrainOver), 300.0)
        same = wanted is not None and wanted.weights is not None and over.weights == wanted.weights
        apart = 0.0 if same else float("nan")
        yield {"what": "simulated = live", "of": name, "apart": apart, "bar": "same bytes", "ok": same}
