"""Rounds between real processes without a client's step: download, validate, upload, journal, add up, step."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Zone
from ..flow.round.messages import Rejected, Terms
from ..flow.train.cloud import Train
from ..flow.train.messages import Choice, Progress, Setback, TrainOver, Until
from ..live.supervisor import LiveFleet
from ..node.tools import Policy
from ..run import Setup
from .fl_live_floor import floor_s

PROJECT = "ganglion.bench.fl_project.model:build"
CLOUD = NodeId("cloud")
CLIENTS, WARM = 10, 5  # rounds that do not count: workers start in the first
P50_S, P99_S, RAW = 0.060, 0.200, 1.02
QUICK_RAW = 1.05
FLOOR_ROUNDS = 20
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def fleet(clients: int) -> Fleet:
    """On this machine: links as fast as loopback."""
    link = Link("loopback", 1e9, 1e9, 0.0)
    names = [NodeId(f"edge-{place:02d}") for place in range(clients)]
    nodes = (Node(CLOUD, Zone.CLOUD), *(Node(name, Zone.EDGE, CLOUD) for name in names))
    return Fleet(nodes, tuple((name, link) for name in names))


def setup(clients: int) -> Setup:
    """A project of 199,502 parameters at every node."""
    return Setup(fleet(clients), Policy(), PROJECT, {})


@dataclass(frozen=True)
class Played:
    """A job over everybody, without its first rounds."""

    steps: list[Progress]
    moved_bytes: int  # on all links, both ways
    cpu_s: float  # of all nodes and their workers


def play(running: LiveFleet, rounds: int, epochs: int = 0) -> Played:
    """So many rounds after those that warm up."""
    names = tuple(node.id for node in running.fleet.children(CLOUD))
    terms = Terms(0, how=Sgd(0.1, epochs=epochs))
    made = Train(0, terms, names, Choice(count=len(names)), Until(rounds + WARM), patience_s=120.0)
    job = int(running.begin(CLOUD, made))

    def warm(node: NodeId, body: Any) -> bool:
        return isinstance(body, Progress) and (body.job, body.number) == (job, WARM)

    running.wait(warm, 300.0)
    before, used_s = sum(sum(running.bytes(name)) for name in names), _cpu_s(running)
    over: TrainOver = running.wait(lambda _, body: isinstance(body, TrainOver) and body.job == job, 300.0 + rounds)
    after = sum(sum(running.bytes(name)) for name in names)
    wrong = [body for _, _, body in running.facts if isinstance(body, (Rejected, Setback))]
    if over.why != "rounds" or wrong:
        log.warning("the job ended by %s with %s", over.why, wrong[:3])
    told = [body for _, _, body in running.facts if isinstance(body, Progress) and body.job == job]
    steps = [body for body in told if body.number > WARM]
    return Played(steps, after - before, _cpu_s(running) - used_s)


def _cpu_s(running: LiveFleet) -> float:
    return sum(running.usage(node.id).cpu_s for node in running.fleet.nodes)


def run(quick: bool, seed: int) -> Result:
    """Ten clients of 200 thousand parameters, 200 rounds; quick: three clients, ten rounds, only bytes have a bar.

    `cpu_s` is of all processes together for one round: divided by the cores it is what no round can be below.
    """
    clients, rounds = (3, 10) if quick else (CLIENTS, 200)
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-fl-") as name,
        LiveFleet(setup(clients), Path(name) / "fleet", seed, shaped=False) as running,
    ):
        played = play(running, rounds)
        nodes = [running.folder / name for name in (CLOUD, *(node.id for node in running.fleet.children(CLOUD)))]
        floor = floor_s(nodes[0], nodes[1:], played.steps[0].up_bytes // clients, FLOOR_ROUNDS)
    steps = played.steps
    seconds = np.array([step.seconds for step in steps])
    p50, p99 = float(np.quantile(seconds, 0.5)), float(np.quantile(seconds, 0.99))
    raw = sum(step.up_bytes for step in steps) * 2  # down as much as up: float32 of every weight, both ways
    share = played.moved_bytes / raw
    what = f"{clients} processes, 199,502 parameters, no client step, {len(steps)} rounds"
    bar = f"p50 {P50_S} s, p99 {P99_S} s"
    latency: Result = {"what": what, "p50_s": p50, "p99_s": p99, "cpu_s": played.cpu_s / len(steps), "bar": bar}
    wire: Result = {"what": "bytes on the wire, TLS and all, over raw float32", "share": share}
    if not quick:
        latency["ok"] = p50 <= P50_S and p99 <= P99_S
    least: Result = {"what": "floor: as many plain processes, the same bytes over the same TLS, an fsync each"}
    least |= {"p50_s": floor, "cpu_s": None}
    most = QUICK_RAW if quick else RAW
    return {"rows": [latency, least, {**wire, "bar": f"at most {most}", "ok": share <= most and len(steps) == rounds}]}
