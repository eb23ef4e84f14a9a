"""Rounds to an accuracy on MNIST, beside what was published; without the data set, digits that come with a library."""

from __future__ import annotations

import logging
import os
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
from .fl_models import model

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
    """MNIST where GANGLION_DATA names it; quick plays digits alone."""
    folder = os.environ.get("GANGLION_DATA")
    train, test = _mnist(Path(folder)) if folder and not quick else _digits(seed)
    rows = []
    for case in MNIST if folder and not quick else DIGITS:

        def tell(played: Round, case: Case = case) -> None:
            log.info("%s, round %d: %s", case.name, played.number, played.accuracy)

        parts = case.parts(train.y, stream(seed, "parts", case.name))
        strategy = METHODS["fedavg"](case.how, Uniform(max(1, len(parts) // case.asked)))
        job = Federation(model(case.model), train, parts, strategy, test, seed=seed)
        done = job.run(Stop(case.rounds, target=case.target), tell=tell)
        best = max(one.accuracy or 0.0 for one in done.rounds)
        row: dict[str, Any] = {
            "data": "mnist" if len(train) > 5000 else "digits",
            "what": case.name,
            "target": case.target,
        }
        row |= {"rounds": done.rounds_to_target, "best": best, "bar": f"<= {case.rounds}", "published": case.published}
        rows.append(row | {"source": PUBLISHED if case.published else "", "ok": done.rounds_to_target is not None})
    if not quick and not folder:
        rows.append({"data": "mnist", "what": "GANGLION_DATA names no folder", "ok": False})
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _digits(seed: int) -> tuple[Examples, Examples]:
    x, y = read_digits()
    order = stream(seed, "digits").permutation(len(y))
    return _examples(x[order[:1400]], y[order[:1400]]), _examples(x[order[1400:]], y[order[1400:]])


def _mnist(folder: Path) -> tuple[Examples, Examples]:
    x, y = read_mnist(folder)
    return _examples(x[:60_000], y[:60_000]), _examples(x[60_000:], y[60_000:])


def _examples(x: Any, y: Any) -> Examples:
    flat = np.ascontiguousarray(x.reshape(len(x), -1).astype(np.float32) / np.float32(255))
    return Examples(flat, y.astype(np.int64), Tier.PUBLIC)
