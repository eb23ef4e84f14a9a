"""kill -9 at random points over server, aggregators and clients: every job resumes, to the same bytes."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.compute import Sgd
from ..core.errors import Unreachable
from ..core.fleet import Fleet, Node, NodeId
from ..core.ref import Ref
from ..core.rng import stream
from ..flow.buffer.cloud import Buffer
from ..flow.buffer.messages import Pace
from ..flow.round.messages import Aggregate, Terms
from ..flow.train.cloud import Train
from ..flow.train.messages import Choice, Progress, TrainOver, Until
from ..live.supervisor import LiveFleet
from .fl_fleet import CLOUD, WORST, Story, begin, edges, tree, usual_cost
from .fl_live import play as rounds_of
from .fl_live import setup

KILLS_EACH = 4  # in one simulated job
OVER_S = 3.0  # of it
AWAY_S = 0.8  # mean
LIVE_ROUNDS = 12
HOW = Sgd(0.1, epochs=1, batch=10)
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass
class Ledger:
    """Every sum that was asked for in one story: asked again after a crash it has to be the same one."""

    sums: dict[tuple[NodeId, int], Aggregate] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def cost(self, work: Any, node: Node) -> float:
        """The usual; takes note on the way."""
        if isinstance(work, Aggregate) and self.sums.setdefault((node.id, work.number), work) != work:
            self.wrong.append(f"{node.id} adds something else for round {work.number} than before")
        return usual_cost(work, node)

    @property
    def twice(self) -> int:
        """Updates that are in more than one sum of a node, or twice in one."""
        seen = [(at, one.delta.digest) for (at, _), work in self.sums.items() for _, one in work.updates]
        return len(seen) - len(set(seen))


def jobs() -> dict[str, tuple[Fleet, Train | Buffer]]:
    """In rounds, raw and compressed, over aggregators, and without rounds."""
    flat, deep = edges(3), tree(2, 2)
    named = {name: tuple(node.id for node in made.children(CLOUD)) for name, made in (("flat", flat), ("deep", deep))}
    rounds = Train(0, Terms(0, how=HOW), named["flat"], Choice(count=3), Until(4), patience_s=900.0)
    over = Terms(0, how=HOW, tiers=1)
    levels = Train(0, over, named["deep"], Choice(count=2), Until(4), patience_s=900.0, learners=4)
    buffer = Buffer(0, Terms(0, how=HOW), named["flat"], Pace(2, 2, patience_s=6.0), until=Until(6))
    few = replace(rounds, terms=Terms(0, how=HOW, compress=(("name", "dgc"), ("share", 0.1), ("momentum", 0.5))))
    return {
        "rounds": (flat, rounds),
        "rounds, with what was not sent remembered": (flat, few),
        "rounds over two levels": (deep, levels),
        "without rounds": (flat, buffer),
    }


def story(fleet: Fleet, flow: Train | Buffer, seed: int, kills: int) -> tuple[Story, Ledger, TrainOver | None]:
    """One job, and so many kills of anybody, at any time, over loss, duplicates and reordering."""
    ledger, chance = Ledger(), stream(seed, "kill points")
    made = begin(fleet, seed, ledger.cost)
    made.world.begin(CLOUD, deepcopy(flow))
    made.world.rest(0.01)  # begun means committed
    nodes = [node.id for node in fleet.nodes]
    if kills:
        made.world.wires.faults = WORST
    for at_s in sorted(OVER_S * float(chance.random()) for _ in range(kills)):
        made.world.rest(max(at_s - made.world.now_s() + 1.0, 0.0))
        alive = [node for node in nodes if node not in made.down]
        victim = alive[int(chance.integers(len(alive)))]
        made.kill(victim)
        back_s = made.world.now_s() + float(chance.exponential(AWAY_S))
        made.world.heap.push(back_s, lambda victim=victim: made.start(victim))  # type: ignore[misc]
    made.world.rest(10.0 * AWAY_S)
    made.heal()
    return made, ledger, made.over()


def simulated(name: str, fleet: Fleet, flow: Train | Buffer, kills: int, seed: int) -> Result:
    """So many kill points in jobs of one kind; rounds have to end in the bytes that no kill leads to."""
    wanted: Ref | None = None
    if isinstance(flow, Train):
        _, _, good = story(fleet, flow, 0, 0)
        wanted = None if good is None else good.weights
    done, resumed, same, twice, wrong = 0, 0, 0, 0, list[str]()
    places: dict[str, int] = {}
    while done < kills:
        seed += 1
        made, ledger, over = story(fleet, flow, seed, min(KILLS_EACH, kills - done))
        done += len(made.killed)
        resumed += over is not None and over.why == "rounds"
        same += over is not None and over.weights == wanted
        twice += ledger.twice
        wrong += ledger.wrong if over is not None else [f"seed {seed} hangs"]
        for node in made.killed:
            kind = "server" if node == CLOUD else "aggregator" if fleet.children(node) else "client"
            places[kind] = places.get(kind, 0) + 1
        jobs_done = len(made.told(TrainOver))
        wrong += [] if jobs_done == 1 else [f"seed {seed} ended {jobs_done} times"]
    runs = -(-done // KILLS_EACH)
    equal = isinstance(flow, Buffer) or same == runs
    where = ", ".join(f"{kind} {count}" for kind, count in sorted(places.items()))
    bytes_of = "any" if isinstance(flow, Buffer) else f"the same in {same}"
    bar = f"{runs} of {runs} resume" + ("" if isinstance(flow, Buffer) else ", the same bytes") + ", none twice"
    return {
        "what": f"simulated: {name}",
        "kills": done,
        "where": where,
        "jobs": runs,
        "resumed": resumed,
        "bytes": bytes_of,
        "twice": twice,
        "bar": bar,
        "ok": resumed == runs and equal and twice == 0 and not wrong,
        "why": " | ".join(wrong[:2]),
    }


def live(kills: int, seed: int) -> Iterator[Result]:
    """Real processes: a job that nobody disturbs, and the same one while server and clients are killed in turn."""
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-fl-") as name,
        LiveFleet(setup(3), Path(name) / "fleet", seed, shaped=False) as running,
    ):
        good = rounds_of(running, LIVE_ROUNDS, epochs=1).steps
        names, chance = [node.id for node in running.fleet.nodes], stream(seed, "live kills")
        clients = tuple(node.id for node in running.fleet.children(CLOUD))
        terms, since = Terms(0, how=Sgd(0.1, epochs=1)), len(running.facts)
        flow = Train(0, terms, clients, Choice(count=3), Until(10_000), patience_s=900.0)
        number = int(running.begin(CLOUD, flow))
        done, why = 0, ""
        try:
            while done < kills:
                victim = names[done % len(names)]
                running.rest(0.2 + float(chance.random()))
                running.kill(victim)
                running.rest(0.2)
                running.start(victim)
                seen = len(running.facts)
                running.wait(lambda _, body: isinstance(body, Progress) and body.job == number, 90.0, seen)
                done += 1
                log.info("live kill %d of %d: %s", done, kills, victim)
        except Unreachable as error:
            why = str(error)
        steps = [body for _, _, body in running.facts[since:] if isinstance(body, Progress) and body.job == number]
    per = {step.number for step in steps}
    gapless = per == set(range(max(per) + 1)) if per else False
    ok = done == kills and gapless and bool(good)
    yield {
        "what": "live: rounds of three processes, each killed in turn",
        "kills": done,
        "jobs": 1,
        "resumed": int(not why),
        "bar": "a step within 90 s of every kill, none left out",
        "ok": ok,
        "why": why,
    }


def run(quick: bool, seed: int) -> Result:
    """200 kill points in simulated jobs of each kind and 12 of processes; quick: 20 of each kind, none of processes."""
    rows = [simulated(name, *made, 20 if quick else 200, seed) for name, made in jobs().items()]
    return {"rows": [*rows, *([] if quick else live(12, seed))]}
