"""A survive run among real processes, and the rows of many: the ledger of every message, recoveries, first answers."""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import NotFound
from ..core.fleet import Fleet, NodeId
from ..core.label import Zone
from ..core.rng import stream
from ..flow.deliver.messages import Accepted
from ..flow.deliver.node import Deliver
from ..flow.keep.messages import KeptBatch
from ..live.agent_file import STATE
from ..live.disk import LiveDisk
from ..live.identity.authority import Authority
from ..live.identity.members import DISABLED, ENROLLED
from ..live.identity.vault import LocalVault
from ..live.supervisor import LiveFleet
from ..node.bodies import make_codec
from ..node.journal import replay
from ..node.keeping import KEPT
from .survive_fleet import CLOUD, Verdict, fleet
from .survive_live import CUTS, Run, Source, setup

DISABLED_S = 1.0
CALM_HZ = 20.0  # of each device, while the times of recoveries are taken
MANY = 10  # faults of one kind, or starts, from which on their percentiles are held against the promise
BARS = {
    "edge": (0.5, 60.0),
    "device": (0.5, 60.0),
    "cloud": (1.0, 5.0),
    "link": (1.0, 8.0),
    "silence": (1.0, 8.0),
}  # median, most
LINKS = {"link": "a broken link", "silence": "a silent link"}
QUICK_S = 20.0  # most, of one fault on a busy core
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Faults:
    """What is done to a fleet while its devices offer samples."""

    edges: int
    rate_hz: float  # of each device, while faults come at once
    in_turn: int  # faults, one at a time
    at_once: int  # faults, at every site at the same time
    workers: int  # killed
    starts: int  # without a cloud; 0: none, for a release takes a while to train
    least: int = 0  # samples that are offered, however long it takes


@dataclass(frozen=True)
class Played:
    """What came of it; plain, so that it can be kept."""

    kills: int
    cuts: int
    verdict: dict[str, int]
    back_s: dict[str, list[float]]
    jobs: dict[str, int]  # how those ended whose worker was killed
    first_s: list[float]  # of answers without a cloud
    barred_s: tuple[float, float]  # until a disabled edge was out, and in again


def play(faults: Faults, seed: int) -> Played:
    """A fleet, traffic, faults in turn and at once, then starts without a cloud."""
    made = fleet(faults.edges, 1)
    with tempfile.TemporaryDirectory(prefix="ganglion-survive-") as name:
        folder = Path(name) / "fleet"
        with LiveFleet(setup(made), folder, seed, shaped=False) as running:
            run = Run(running, [Source(running, node.id, CALM_HZ) for node in made.at(Zone.DEVICE)])
            for source in run.sources:
                source.start()
            run.in_turn(faults.in_turn, stream(seed, "live faults"))
            for source in run.sources:
                source.rate_hz = faults.rate_hz
            if faults.at_once:
                run.at_once(faults.at_once, seed)
            run.kill_workers(faults.workers)
            while sum(len(source.offered) for source in run.sources) < faults.least:
                running.rest(1.0)
            for source in run.sources:
                source.over.set()
                source.join()
            run.settle()
            accepted = {body.sample for _, node, body in running.facts if _is_of_device(made, node, body)}
            barred_s = kept_out(run)
            first_s = _answers(run, faults.starts) if faults.starts else []
        verdict = verdict_of(run, folder, accepted)
    cuts = sum(kind in CUTS for kind in run.faults)
    jobs = Counter("kept" if over.kept else over.why for over in run.jobs)
    return Played(len(run.faults) - cuts, cuts, vars(verdict), run.back_s, dict(jobs), first_s, barred_s)


def rows(played: Sequence[Played], strict: bool) -> Iterator[Result]:
    """One row per promise over all that was played; `strict`: recoveries are held against the promised seconds."""
    whole = Verdict(**{key: sum(one.verdict[key] for one in played) for key in played[0].verdict})
    kills, cuts = sum(one.kills for one in played), sum(one.cuts for one in played)
    yield ledger(whole, f"live: {kills} kill -9 and {cuts} broken links among real processes", kills + cuts)
    most_s, in_s = (max(one.barred_s[place] for one in played) for place in (0, 1))
    what, bar = "P14: a disabled edge is cut off", f"<= {DISABLED_S:g} s"
    barred = {"what": what, "runs": len(played), "most_s": most_s, "bar": bar, "ok": most_s <= DISABLED_S}
    yield {**barred, "why": f"back in {in_s:.1f} s"}
    for kind in sorted({kind for one in played for kind in one.back_s}):
        yield _recovery(kind, [took_s for one in played for took_s in one.back_s.get(kind, [])], strict)
    jobs = sum((Counter(one.jobs) for one in played), Counter[str]())
    if jobs:
        yield _workers(jobs)
    if first := [took_s for one in played for took_s in one.first_s]:
        yield _first(first)


def _is_of_device(made: Fleet, node: NodeId, body: Any) -> bool:
    return isinstance(body, Accepted) and made.zone(node) is Zone.DEVICE


def _answers(run: Run, starts: int) -> list[float]:
    over = run.job()
    if not over.kept:
        raise NotFound(f"no release to answer with: {over.why}")
    return run.first_answers(starts)


def verdict_of(run: Run, folder: Path, accepted: set[str]) -> Verdict:
    """What became of every message, from what lies on the cloud's disk after all is over."""
    offered = {name for source in run.sources for name in source.offered}
    node, codec = folder / CLOUD, make_codec()
    disk = LiveDisk(node / STATE, LocalVault(node), lambda call: call())
    try:
        rows: list[KeptBatch] = [codec.decode(row.data) for row in disk.scan(KEPT)]
        there = Counter(sample for row in rows if disk.has(row.x) for sample, _ in row.samples)
        flow = next(slot.flow for slot, _ in replay(disk, codec) if isinstance(slot.flow, Deliver))
        assert isinstance(flow, Deliver)
        twice = sum(there.values()) - len(there) + abs(flow.delivered - len(there))
    finally:
        disk.close()
    lost, unknown = len(accepted - set(there)), len(offered - accepted - set(there))
    return Verdict(len(offered), len(accepted), len(there), 0, lost, unknown, twice)


def ledger(found: Verdict, what: str, runs: int) -> Result:
    """Every message ends delivered, lost or unknown, and no more than once."""
    return {
        "what": what,
        "runs": runs,
        "messages": found.offered,
        "delivered": found.delivered,
        "lost": found.lost,
        "unknown": found.unknown,
        "twice": found.twice,
        "bar": "0 lost, 0 twice",
        "ok": found.whole and found.delivered > 0,
        "why": str(found) if not found.whole else "",
    }


def _recovery(kind: str, took_s: Sequence[float], strict: bool) -> Result:
    """P3: seconds from the start of the process, or from the mend, to the first sample that is through again."""
    median, most, bars = float(np.median(took_s)), max(took_s), BARS[kind]
    full = strict and len(took_s) >= MANY
    ok = median <= bars[0] and most <= bars[1] if full else most <= QUICK_S
    bar = f"p50 <= {bars[0]:g}, most <= {bars[1]:g}" if full else f"most <= {QUICK_S:g}"
    what = f"P3: back after {LINKS.get(kind, f'kill -9 of the {kind}')}"
    return {"what": what, "runs": len(took_s), "p50_s": median, "most_s": most, "bar": bar, "ok": ok}


def _workers(jobs: Counter[str]) -> Result:
    """A job whose worker is killed ends and says so, or goes on with another worker where it had not begun."""
    ended = sum(count for how, count in jobs.items() if how == "kept" or "killed by signal 9" in how)
    what, bar = "kill -9 of a worker: its job ends", "all, kept or with the reason"
    ok = ended == jobs.total()
    return {"what": what, "runs": jobs.total(), "bar": bar, "ok": ok, "why": "" if ok else str(dict(jobs))}


def _first(took_s: Sequence[float]) -> Result:
    """Both processes of a site begin with nothing imported, as after a reboot."""
    p95, many = float(np.percentile(took_s, 95)), len(took_s) >= MANY
    what, bar = "first answer with the cloud down, from process start", "p95 <= 2" if many else "most <= 10"
    ok = p95 <= 2.0 if many else max(took_s) <= 10.0
    return {"what": what, "runs": len(took_s), "p50_s": float(np.median(took_s)), "p95_s": p95, "bar": bar, "ok": ok}


def kept_out(run: Run) -> tuple[float, float]:
    """P14: seconds until an edge that is disabled is cut off, and until it is back when it is enabled."""
    edge = run.edges[0]
    authority = Authority.load(run.running.folder / CLOUD)

    def linked() -> bool:
        return any(link.up for link in run.running.status(CLOUD).links if link.peer == edge)

    def after(standing: str, up: bool) -> float:
        began_s = time.monotonic()
        authority.change(edge, standing)
        _until(lambda: linked() is up)
        return time.monotonic() - began_s

    return after(DISABLED, False), after(ENROLLED, True)


def _until(true: Callable[[], bool], most_s: float = 60.0) -> None:
    end_s = time.monotonic() + most_s
    while not true() and time.monotonic() < end_s:
        time.sleep(0.02)
