"""How fast a round of federated learning is simulated: ours, and peers in the same run, in turns.

Peers live in `.peers`, made by `make peers`; without it, and in the quick form, the peer is a plain loop of torch.
Each turn of a shape is kept, so that a run that was cut short goes on where it was.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import GanglionError
from ..core.rng import stream
from .fl_floor import floor_s
from .fl_models import FOLDER
from .fl_ours import RESULT
from .kept import Kept

THEIRS = FOLDER.parents[1] / ".peers" / "bin"
READS = (
    *(
        f"engine/torch/{part}.py"
        for part in (
            "arena",
            "cohort",
            "convolutions",
            "dense",
            "descent",
            "fit",
            "fused",
            "layers",
            "learner",
            "rules",
        )
    ),
    *("live/crew.py", "bench/fl_ours.py", "bench/fl_models.py", str(FOLDER)),
)  # fl_equalities holds the rest still
TURNS = 3  # of ours and all peers; medians are over all their rounds
CLIENTS = 100
TESTS = 2000
START_S = 1.5  # from a process's start to the end of its first round, less a round
LOGISTIC_S = 3.0
APART = 0.005  # accuracy; above it two did not learn the same
Row = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Shape:
    """A model, its clients' examples, and how many times faster than each peer a round has to be."""

    name: str
    model: str
    examples: int
    batch: int
    rate: float
    cohort: int
    rounds: int
    bars: dict[str, float]
    quick: float | None = None  # against the plain loop, on a busy core


SHAPES = (
    Shape("tiny", "64-32-10", 60, 10, 0.1, 10, 40, {"flower": 100.0, "pfl": 20.0}, 3.0),
    Shape("softmax", "784-10", 600, 10, 0.05, 10, 24, {"flower": 20.0, "pfl": 5.0}, 1.3),
    Shape("softmax, cohort 100", "784-10", 600, 10, 0.05, 100, 8, {"flower": 10.0}),
    Shape("har", "561-64-6", 320, 16, 0.05, 10, 24, {"pfl": 5.0}),
    Shape("2nn", "784-200-200-10", 600, 10, 0.1, 10, 12, {"flower": 6.0, "pfl": 2.5}, 1.0),
    Shape("lenet", "lenet", 600, 10, 0.05, 10, 8, {"flower": 1.4, "pfl": 0.95}),
)


def run(quick: bool, seed: int) -> dict[str, Any]:
    """Times per round, medians over rounds and turns, the first round of each process left out."""
    rows: list[Row] = []
    there = not quick and (THEIRS / "python").exists()
    shapes = [one for one in SHAPES if one.quick is not None or not quick]
    kept = None if quick else Kept("fl_speed", seed, READS)
    with tempfile.TemporaryDirectory(prefix="ganglion-fl-") as folder:
        for shape in shapes:
            data = Path(folder) / f"{shape.model}.npz"
            turns = _turns(shape, data, seed, [*shape.bars] if there else ["eager"], kept)
            rows += _row(shape, turns)
        rows.append(_logistic(Path(folder), seed, quick))
    if not there and not quick:
        rows.append({"shape": "all", "peer": "flower, pfl", "bar": "make peers", "ok": False})
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _turns(shape: Shape, data: Path, seed: int, peers: Sequence[str], kept: Kept | None) -> list[dict[str, Row]]:
    """What came of each turn: ours, then each peer."""
    task = {"model": shape.model, "clients": CLIENTS, "cohort": shape.cohort, "examples": shape.examples}
    task |= {"batch": shape.batch, "rate": shape.rate, "rounds": shape.rounds, "data": str(data), "seed": seed}
    task["begin"] = int(stream(seed, "initial", "torch").integers(2**63))  # what our engine seeds torch with
    found: list[dict[str, Row]] = []
    for turn in range(TURNS if kept else 1):
        key = f"{shape.name}, {'+'.join(peers)}, turn {turn}"
        played = kept.get(key) if kept else None
        if played is None:
            if not data.exists():
                _data(shape, seed, data)
            log.info("%s, turn %d", shape.name, turn + 1)
            played = {name: _played(name, task) for name in ("ours", *peers)}
            if kept:
                kept.put(key, played)
        found.append(played)
    return found


def _row(shape: Shape, turns: Sequence[dict[str, Row]]) -> Iterator[Row]:
    """A row for each peer, and one for what the machine itself allows."""
    found = {name: [turn[name] for turn in turns] for name in turns[0]}
    quick, ours = len(turns) == 1, _median(found["ours"])
    start = median(one["first_s"] for one in found["ours"]) - ours
    for name, runs in found.items():
        if name == "ours":
            continue
        theirs, gap = _median(runs), _accuracy(found["ours"]) - _accuracy(runs)
        bar = shape.quick if quick else shape.bars.get(name)
        row: Row = {"shape": shape.name, "peer": name, "ours_ms": ours * 1e3, "peer_ms": theirs * 1e3}
        row |= {"times": theirs / ours, "bar": f">= {bar:g}" if bar else "", "accuracy gap": gap}
        row |= {"our start_s": start, "peer start_s": median(one["first_s"] for one in runs) - theirs}
        met = bar is None or (theirs / ours >= bar and (quick or abs(gap) <= APART))
        yield row | {"ok": met and (quick or start <= START_S)}
    least = floor_s(shape.model, shape.batch, shape.cohort * -(-shape.examples // shape.batch))
    yield {"shape": shape.name, "peer": "floor", "ours_ms": ours * 1e3, "peer_ms": least * 1e3, "times": least / ours}


def _logistic(folder: Path, seed: int, quick: bool) -> Row:
    """1,000 clients, softmax regression of 784 inputs, 100 rounds of 10, with imports. Source of the task: FLUTE."""
    shape = Shape("logistic, 1000 clients", "784-10", 60, 10, 0.05, 10, 100, {})
    task = {"model": shape.model, "clients": 1000, "cohort": 10, "examples": 60, "batch": 10, "rate": 0.05}
    data = _data(shape, seed, folder / "logistic.npz", 1000)
    task |= {"rounds": 100, "data": str(data), "seed": seed}
    took = []
    for _ in range(1 if quick else 5):
        began = time.time()
        _played("ours", task)
        took.append(time.time() - began)
    bar = LOGISTIC_S * (5 if quick else 1)  # quick runs beside others
    found: Row = {"shape": shape.name, "ours_ms": median(took) * 1e3, "bar": f"<= {bar:g} s, whole process"}
    return found | {"ok": median(took) <= bar}


def _played(name: str, task: Row) -> Row:
    """One process from its start to its end. Raises GanglionError where it fails."""
    asked = json.dumps(task | {"began": time.time()})
    theirs, env = str(THEIRS / "python"), os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = {
        "ours": [sys.executable, "-m", "ganglion.bench.fl_ours", asked],
        "eager": [sys.executable, str(FOLDER / "eager.py"), asked],
        "flower": [theirs, str(FOLDER / "flower.py"), asked],
        "pfl": [str(THEIRS / "torchrun"), "--nproc-per-node", "2", str(FOLDER / "pfl_sim.py"), asked],
    }[name]
    env["PYTHONPATH"] = f"{Path(__file__).parents[2]}{os.pathsep}{FOLDER}"
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=1200)
    lines = [line.removeprefix(RESULT) for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if not lines:
        raise GanglionError(f"{name} gave no result: {(done.stderr or done.stdout)[-600:]}")
    found: Row = json.loads(lines[-1])
    return found


def _median(runs: Sequence[Row]) -> float:
    return float(median(took for one in runs for took in one["rounds_s"]))


def _accuracy(runs: Sequence[Row]) -> float:
    return float(np.mean([one["accuracy"] for one in runs]))


def _data(shape: Shape, seed: int, path: Path, clients: int = CLIENTS) -> Path:
    """Classes around directions of their own, as wide as the model's input; enough noise that it takes rounds."""
    rng = stream(seed, "fl speed", shape.model)
    width = 784 if shape.model == "lenet" else int(shape.model.split("-")[0])
    classes = 10 if shape.model == "lenet" else int(shape.model.split("-")[-1])
    count = clients * shape.examples + TESTS
    y = rng.integers(0, classes, count)
    middle: NDArray[np.floating[Any]] = rng.normal(0, 4.0 / np.sqrt(width), (classes, width))
    if width == 784:  # pictures in large squares, so that a convolution has something to see
        middle = np.kron(rng.normal(0, 4.0 / np.sqrt(width), (classes, 7, 7)), np.ones((4, 4))).reshape(classes, width)
    x = (middle[y] + rng.normal(0, 1.0, (count, width))).astype(np.float32) / np.float32(np.sqrt(width) / 10)
    arrays = {"x": x[TESTS:], "y": y[TESTS:], "test_x": x[:TESTS], "test_y": y[:TESTS]}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
