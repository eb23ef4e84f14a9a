"""Federated learning in fewer bytes: at the socket, and what each compression costs in accuracy."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.compute import Sgd
from ..core.rng import stream
from ..engine.torch import TorchEngine
from ..flow.round.messages import Terms
from ..flow.train.cloud import Train
from ..flow.train.messages import Choice, Progress, TrainOver, Until
from ..learn.partition import Iid
from ..live.supervisor import LiveFleet
from ..project import resolve
from ..run import World
from ..train import Federation, Round, Stop
from .fl_bytes_tasks import TASKS, Task, strategy
from .fl_fleet import CLOUD, begin
from .fl_live import PROJECT, setup
from .fl_models import model
from .kept import Kept

READS = ("learn/compress", "learn/client", "learn/step", "bench/fl_models.py")  # fl_equalities holds the engine still
SHARE, MOMENTUM = 0.001, 0.9
CLIENTS, WARM, COUNTED = 3, 12, 20  # rounds between processes
RATIO, LOSS = 250.0, 0.005
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Moved:
    """Bytes per round and client on the links, everything above TCP; and of the whole run."""

    up: float
    down: float
    whole_up: float


def job(clients: tuple[Any, ...], compress: tuple[tuple[str, float | str], ...], rounds: int) -> Train:
    """Everybody learns in every round."""
    terms = Terms(0, how=Sgd(0.1, 1, 16), compress=compress)
    return Train(0, terms, clients, Choice(count=len(clients)), Until(rounds), patience_s=120.0)


def moved(world: World, compress: tuple[tuple[str, float | str], ...], warm: int, counted: int) -> Moved:
    """One job; its warm-up is left out of what a round takes."""
    names = tuple(node.id for node in world.fleet.children(CLOUD))

    def total() -> tuple[int, int]:
        each = [world.bytes(name) for name in names]
        return sum(up for up, _ in each), sum(down for _, down in each)

    first = total()
    key = int(world.begin(CLOUD, job(names, compress, warm + counted)))
    world.wait(lambda _, body: isinstance(body, Progress) and (body.job, body.number) == (key, warm), 300.0)
    before = total()
    world.wait(lambda _, body: isinstance(body, TrainOver) and body.job == key, 600.0)
    after, each = total(), counted * len(names)
    whole = (after[0] - first[0]) / ((warm + counted) * len(names))
    return Moved((after[0] - before[0]) / each, (after[1] - before[1]) / each, whole)


def compared(world: World, where: str, warm: int, counted: int) -> Result:
    """The same job raw and as DGC: bytes up per client and round."""
    dgc = (("name", "dgc"), ("share", SHARE), ("momentum", MOMENTUM), ("warm", float(warm)))
    raw, few = moved(world, (), 2, 4), moved(world, dgc, warm, counted)
    return {
        "what": f"{where}, 199,502 parameters, DGC {SHARE:.1%}: bytes up per client and round",
        "raw": raw.up,
        "sent": few.up,
        "ratio": raw.up / few.up,
        "whole_run": raw.up / few.whole_up,
        "down": few.down,
        "bar": f">= {RATIO:g} x",
        "ok": raw.up / few.up >= RATIO,
    }


def socket(seed: int) -> Result:
    """Processes over loopback, mutual TLS and all."""
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-fl-") as name,
        LiveFleet(setup(CLIENTS), Path(name) / "fleet", seed, shaped=False) as running,
    ):
        return compared(running, f"{CLIENTS} processes", WARM, COUNTED)


def simulated(seed: int) -> Result:
    """The same flows and messages in the simulator, whose links count a message's bytes."""
    loaded = resolve(PROJECT)
    fleet = setup(2).fleet
    story = begin(fleet, seed, project=loaded.project, engine=lambda disk: TorchEngine(loaded.build, disk.get))
    return compared(story.world, "2 clients, simulated", 4, 8)


def learnt(task: Task, name: str, seed: int, folder: Path) -> Result:
    """One way to send, one data set; goes on where it was interrupted."""
    train, test = task.data(seed)
    parts = Iid(task.clients)(train.y, stream(seed, "parts"))

    def tell(played: Round) -> None:
        if played.accuracy is not None:
            log.info("%s, %s, round %d: %.4f", task.name, name, played.number, played.accuracy)

    made = Federation(model(task.model), train, parts, strategy(task, name), test, seed=seed)
    done = made.run(Stop(task.rounds, every=task.every), folder / f"{task.name}-{name}", tell)
    tail = done.rounds[task.warm :]
    judged = [one.accuracy for one in done.rounds if one.accuracy is not None]
    return {
        "accuracy": sum(judged[-3:]) / len(judged[-3:]),
        "round_up": sum(one.up_bytes for one in tail) / len(tail),
        "whole_up": float(sum(one.up_bytes for one in done.rounds)),
        "down": float(sum(one.down_bytes for one in done.rounds)),
    }


def rows_of(task: Task, seed: int, folder: Path, kept: Kept | None) -> Iterator[Result]:
    """Every way to send on one data set, against raw float32."""
    raw: Result = {}
    for name in task.ways:
        found = None if kept is None else kept.get(f"{task.name} {name}")
        if found is None:
            found = learnt(task, name, seed, folder)
            if kept is not None:
                kept.put(f"{task.name} {name}", found)
        raw = raw or found
        ratio, loss = raw["round_up"] / found["round_up"], raw["accuracy"] - found["accuracy"]
        row: Result = {"what": f"{task.name}: {name}", "accuracy": found["accuracy"], "loss_pt": 100.0 * loss}
        row |= {"ratio": ratio, "whole_run": raw["whole_up"] / found["whole_up"], "down": found["down"]}
        if name == "dgc":
            row |= {"bar": f">= {task.ratio:g} x, <= {100 * task.loss:g} pt"}
            row |= {"ok": ratio >= task.ratio and loss <= task.loss}
        yield row


def feedback(rows: list[Result], task: Task) -> Result:
    """The same share of the weights, once with and once without a memory of the others."""
    found = {row["what"].partition(": ")[2]: row["accuracy"] for row in rows}
    on, off = found["top_k"], found["top_k without feedback"]
    row: Result = {"what": f"{task.name}: error feedback on - off", "accuracy": on, "loss_pt": 100.0 * (off - on)}
    return {**row, "bar": "on is better", "ok": on > off}


def run(quick: bool, seed: int) -> Result:
    """Processes over loopback, digits, and MNIST and CIFAR-10-JPEG from GANGLION_DATA; quick: the simulator and digits.

    `down` is what was handed out: it is not compressed. `ratio` is after the warm-up, `whole_run` with it.
    """
    rows: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="ganglion-fl-") as name:
        kept = None if quick else Kept("fl_bytes", seed, READS)
        folder = Path(name) if kept is None else kept.folder
        for task in TASKS["quick" if quick else "full"]:
            rows += (found := list(rows_of(task, seed, folder, kept)))
            rows += [feedback(found, task)] if "top_k" in task.ways else []
    return {"rows": [simulated(seed) if quick else socket(seed), *rows]}
