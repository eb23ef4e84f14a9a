"""Time to an accuracy on the virtual clock: without rounds against rounds, and by who is asked. No wall time counts."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Zone
from ..core.rng import stream
from ..flow.buffer.cloud import Buffer
from ..flow.buffer.messages import Pace
from ..flow.round.messages import Terms, TrainLocally
from ..flow.train.cloud import Train
from ..flow.train.messages import Choice, Until
from .fl_fleet import CLOUD, ELSE_S, Cost, Story, begin
from .fl_model import Project
from .traces_read import Trace, read_all, synthetic

CLIENTS, BUSY = 60, 20
DELAY_S, FLOOR_S = 30.0, 1.0  # half-normal: |N(0, DELAY_S)| above the floor, drawn anew for each task
SPREAD = 1.0  # of the log-normal slowdown of devices that differ for good
TASK_S = 10.0  # training on a device of slowdown 1
TARGET = 0.86
HOW = Sgd(0.02, epochs=1, batch=10)
ROUNDS = 200  # of a job at most
UPDATE_BYTES = 400_000.0  # of a model of 100 thousand parameters
TRACES, LEAST_BYTES_S = "cooked_3gp/norway", 30_000.0  # and the mean below which a trace is left out
DEADLINE_S = 25.0
BARS = {"FedBuff": 3.0, "Oort": 0.83, "FedCS": 1.2}
QUICK = {**BARS, "FedCS": 1.1}  # half the rounds: much of them goes into getting to know the clients
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def fleet(slow: list[float]) -> Fleet:
    """Clients that differ in how slow they are; the way to the cloud is in what a task takes."""
    names = [NodeId(f"edge-{place:03d}") for place in range(len(slow))]
    nodes = (Node(CLOUD, Zone.CLOUD), *(Node(n, Zone.EDGE, CLOUD, by) for n, by in zip(names, slow, strict=True)))
    return Fleet(nodes, tuple((name, Link("lte", 1.25e6, 5e6, 0.02, 0.004)) for name in names))


def half_normal(seed: int) -> Cost:
    """Each task's own delay; the same one however often it is asked again. Source: Nguyen et al. 2022, section 5."""

    def cost(work: Any, node: Node) -> float:
        if not isinstance(work, TrainLocally):
            return ELSE_S
        return FLOOR_S + DELAY_S * abs(float(stream(seed, "delay", node.id, work.number).normal()))

    return cost


def by_device(seed: int, traces: list[Trace]) -> Cost:
    """A device computes as long every time; its upload takes what its trace has room for when it begins."""

    def cost(work: Any, node: Node) -> float:
        if not isinstance(work, TrainLocally):
            return ELSE_S
        chance = stream(seed, "upload", node.id, work.number)
        one = traces[int(node.id.removeprefix("edge-")) % len(traces)]
        start_s = np.array([float(chance.random()) * one.lap_s])
        return TASK_S * node.slowdown + float(one.through(start_s, UPDATE_BYTES)[0])

    return cost


def to_target(story: Story, flow: Train | Buffer) -> tuple[float, float]:
    """Virtual seconds to the target (infinite if it is not reached), and updates that were counted."""
    since_s = story.world.now_s()
    story.world.begin(CLOUD, flow)
    over = story.over(1e5)
    reached = over is not None and over.why == "target"
    ended_s = max(at_s for at_s, _, _ in story.world.facts) if over is None else _when(story)
    updates = sum(len(step.counted) for step in story.curve())
    return (ended_s - since_s if reached else float("inf")), updates


def _when(story: Story) -> float:
    last = story.curve()[-1]
    return next(at_s for at_s, _, body in story.world.facts if body == last)


def without_rounds(seed: int, until: Until) -> Result:
    """FedBuff against rounds of as many clients as it keeps busy."""
    made = fleet([1.0] * CLIENTS)
    names, terms = tuple(node.id for node in made.children(CLOUD)), Terms(0, how=HOW)
    rounds = Train(0, terms, names, Choice(count=BUSY), until, patience_s=600.0)
    buffer = Buffer(0, terms, names, Pace(BUSY, 5, patience_s=600.0), until=replace(until, rounds=until.rounds * 10))
    took = [to_target(begin(made, seed, half_normal(seed), PROJECT, lean=True), flow)[0] for flow in (rounds, buffer)]
    return {"what": "FedBuff", "seed": seed, "plain_s": took[0], "its_s": took[1], "ratio": took[0] / took[1]}


def who_is_asked(seed: int, until: Until, traces: list[Trace]) -> Result:
    """Oort against random choice, where devices differ in speed and each tells its loss."""
    made = _unlike(seed)
    terms = Terms(0, "qfedavg", HOW, (("q", 0.0),))
    took = []
    for choice in (Choice(count=10), Choice("Oort", 10)):
        names = tuple(node.id for node in made.children(CLOUD))
        flow = Train(0, terms, names, choice, until, patience_s=600.0)
        took.append(to_target(begin(made, seed, by_device(seed, traces), PROJECT, lean=True), flow)[0])
    return {"what": "Oort", "seed": seed, "plain_s": took[0], "its_s": took[1], "ratio": took[1] / took[0]}


def in_time(seed: int, rounds: int, traces: list[Trace]) -> Result:
    """FedCS against random choice: updates that a round with a deadline counts."""
    made, counted = _unlike(seed), []
    for choice in (Choice(count=10), Choice("FedCs", 10, (("deadline_s", 0.9 * DEADLINE_S),))):
        names = tuple(node.id for node in made.children(CLOUD))
        flow = Train(0, Terms(0, how=HOW), names, choice, Until(rounds, failures=1000), quorum=1, patience_s=DEADLINE_S)
        counted.append(to_target(begin(made, seed, by_device(seed, traces), PROJECT, lean=True), flow)[1] / rounds)
    return {"what": "FedCS", "seed": seed, "plain": counted[0], "its": counted[1], "ratio": counted[1] / counted[0]}


def _unlike(seed: int) -> Fleet:
    return fleet(stream(seed, "devices").lognormal(0.0, SPREAD, CLIENTS).tolist())


def uplinks() -> tuple[list[Trace], str]:
    """Rates as they were measured on the move, where the data set is there; walks that look like them elsewhere."""
    named = os.environ.get("GANGLION_DATA", "")
    if not named:
        return [synthetic(0, number) for number in range(CLIENTS)], "synthetic uplinks"
    found = (one for one in read_all(Path(named), TRACES) if one.bytes_s.mean() >= LEAST_BYTES_S)
    return list(islice(found, CLIENTS)), "uplinks of bandwidth-abr"


PROJECT = Project(1200)
Measure = Callable[[int], Result]


def run(quick: bool, seed: int) -> Result:
    """Five seeds, bars on the medians; quick: one seed and an easier target."""
    until = Until(ROUNDS, 0.82 if quick else TARGET)
    traces, what = uplinks()
    measures: dict[str, Measure] = {
        "FedBuff": lambda one: without_rounds(one, until),
        "Oort": lambda one: who_is_asked(one, until, traces),
        "FedCS": lambda one: in_time(one, 20 if quick else 40, traces),
    }
    notes = {
        "FedBuff": f"|N(0, {DELAY_S:g} s)| + {FLOOR_S:g} s a task, {BUSY} at work, K = 5",
        "Oort": f"slowdown log-normal({SPREAD:g}), {what}, 10 of {CLIENTS} a round",
        "FedCS": f"slowdown log-normal({SPREAD:g}), {what}, {DEADLINE_S:g} s a round",
    }
    rows: list[Result] = []
    for name, measure in measures.items():
        found = [measure(seed + turn) for turn in range(1 if quick else 5)]
        for row in found:
            log.info("%s", row)
        ratio, bar = float(np.median([row["ratio"] for row in found])), (QUICK if quick else BARS)[name]
        worst = [row["ratio"] for row in found]
        ok = ratio <= bar if name == "Oort" else ratio >= bar
        sign = "at most" if name == "Oort" else "at least"
        row = {"what": name, "setting": notes[name], "seeds": len(found), "ratio": ratio}
        rows.append({**row, "from": min(worst), "to": max(worst), "bar": f"{sign} {bar}", "ok": ok})
    return {"rows": rows}
