"""Rounds to an accuracy on MNIST, beside what was published; without the data set, digits that come with a library."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.label import Tier
from ..core.rng import stream
from ..core.sample import Examples
from ..demo.project.files import read_digits, read_mnist
from ..learn import METHODS
from ..learn.partition import Iid, Shards
from ..learn.select import Uniform
from ..train import Federation, Round, Stop
from . import fl_accuracy_niid as niid
from .exits_data import parts
from .fl_models import FOLDER, PLAIN, model
from .kept import Kept

# That the engine's numbers stay as they are is for fl_equalities to say.
READS = ("learn/client", "learn/aggregate", "learn/methods.py", *(str(FOLDER / f"{name}.py") for name in PLAIN))
Data = tuple[Examples, Examples]
PUBLISHED = "McMahan et al. 2017, arXiv:1602.05629, table 1 (recalled)"
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Case:
    """One row: what is learnt, how, and in how many rounds."""

    name: str
    model: str
    how: Sgd
    parts: Iid | Shards
    target: float
    rounds: int  # the bar, and where it stops
    published: int | None  # rounds
    asked: int = 10  # one client of so many in each round


MNIST = (
    Case("2NN, IID", "784-200-200-10", Sgd(0.1, 1, 10), Iid(100), 0.97, 100, 87),
    Case("CNN, IID", "cnn", Sgd(0.1, 5, 10), Iid(100), 0.99, 25, 20),
)
DIGITS = (
    Case("2NN, IID", "64-64-64-10", Sgd(0.1, 2, 10), Iid(20), 0.90, 30, None, 4),
    Case("2NN, two classes each", "64-64-64-10", Sgd(0.05, 2, 10), Shards(20), 0.80, 60, None, 4),
)


def run(quick: bool, seed: int) -> dict[str, Any]:
    """MNIST and CIFAR-10-JPEG where GANGLION_DATA names them, part by part; quick plays digits alone.

    A job that was interrupted goes on from its last round.
    """
    folder = os.environ.get("GANGLION_DATA")
    if quick or not folder:
        with tempfile.TemporaryDirectory(prefix="ganglion-fl-") as name:
            rows = [_row(case, "digits", played(case, _digits(seed), seed, Path(name))) for case in DIGITS]
            rows += niid.rows_of(niid.QUICK, lambda: _digits(seed), seed, Path(name), None)
        missing = {"data": "mnist", "what": "GANGLION_DATA names no folder", "ok": False}
        return {"rows": rows if quick else [*rows, missing]}
    kept = Kept("fl_accuracy", seed, READS)
    rows = []
    for case in MNIST:
        found = kept.get(case.name)
        if found is None:
            found = played(case, _mnist(Path(folder)), seed, kept.folder)
            kept.put(case.name, found)
        rows.append(_row(case, "mnist", found))
    return {"rows": [*rows, *niid.rows_of(niid.FULL, lambda: _cifar10(seed), seed, kept.folder, kept)]}


def played(case: Case, data: Data, seed: int, folder: Path) -> dict[str, Any]:
    """One case up to its target or its bar."""
    train, test = data

    def tell(one: Round) -> None:
        log.info("%s, round %d: %s", case.name, one.number, one.accuracy)

    whose = case.parts(train.y, stream(seed, "parts", case.name))
    strategy = METHODS["fedavg"](case.how, Uniform(max(1, len(whose) // case.asked)))
    job = Federation(model(case.model), train, whose, strategy, test, seed=seed)
    done = job.run(Stop(case.rounds, target=case.target), folder / case.name, tell)
    return {"rounds": done.rounds_to_target, "best": max(one.accuracy or 0.0 for one in done.rounds)}


def _row(case: Case, data: str, found: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"data": data, "what": case.name, "target": case.target, **found}
    row |= {"bar": f"<= {case.rounds}", "published": case.published, "source": PUBLISHED if case.published else ""}
    return row | {"ok": found["rounds"] is not None}


def _digits(seed: int) -> Data:
    x, y = read_digits()
    order = stream(seed, "digits").permutation(len(y))
    return _examples(x[order[:1400]], y[order[:1400]]), _examples(x[order[1400:]], y[order[1400:]])


def _mnist(folder: Path) -> Data:
    x, y = read_mnist(folder)
    return _examples(x[:60_000], y[:60_000]), _examples(x[60_000:], y[60_000:])


def _cifar10(seed: int) -> Data:
    """4,000 of the training images, and all that are for tests."""
    found = parts("cifar10", seed)
    train, test = found.train.take(slice(0, 4000)), found.test
    return _examples(train.pixels, train.y), _examples(test.pixels, test.y)


def _examples(x: Any, y: Any) -> Examples:
    flat = np.ascontiguousarray(x.reshape(len(x), -1).astype(np.float32) / np.float32(255))
    return Examples(flat, y.astype(np.int64), Tier.PUBLIC)
