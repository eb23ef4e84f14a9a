"""A survive run among real processes, and its rows: the ledger of every message, recoveries, workers, first answers."""

from __future__ import annotations

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
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
from .survive_live import Run, Source, setup

KINDS = ("edge", "link", "cloud", "device", "worker", *("link", "edge", "silence", "cloud", "link", "device") * 2)
BETWEEN_S = 0.5  # of traffic, from one fault to the next
DISABLED_S = 1.0
MANY = 20  # faults of one kind, or starts, from which on their percentiles are held against the promise
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


def play(edges: int, faults: int, rate_hz: float, starts: int, seed: int) -> Iterator[Result]:
    """A fleet, traffic, faults in turn, then starts without a cloud. One row per promise."""
    made = fleet(edges, 1)
    with tempfile.TemporaryDirectory(prefix="ganglion-survive-") as name:
        folder = Path(name) / "fleet"
        with LiveFleet(setup(made), folder, seed, shaped=False) as running:
            run = Run(running, [Source(running, node.id, rate_hz) for node in made.at(Zone.DEVICE)])
            for source in run.sources:
                source.start()
            chance = stream(seed, "live faults")
            for number in range(faults):
                running.rest(BETWEEN_S * (0.5 + float(chance.random())))
                log.info("fault %d of %d: %s", number + 1, faults, KINDS[number % len(KINDS)])
                run.fault(KINDS[number % len(KINDS)], int(chance.integers(edges)))
            for source in run.sources:
                source.over.set()
                source.join()
            run.settle()
            accepted = {body.sample for _, node, body in running.facts if _is_of_device(made, node, body)}
            barred = kept_out(run)
            took = _answers(run, starts) if starts else []
        yield ledger(run, folder, accepted)
        yield barred
    yield from _recoveries(run, faults >= MANY)
    yield _workers(run)
    if starts:
        yield _first(took, starts)


def _is_of_device(made: Fleet, node: NodeId, body: Any) -> bool:
    return isinstance(body, Accepted) and made.zone(node) is Zone.DEVICE


def _answers(run: Run, starts: int) -> list[float]:
    over = run.job()
    if not over.kept:
        raise NotFound(f"no release to answer with: {over.why}")
    return run.first_answers(starts)


def ledger(run: Run, folder: Path, accepted: set[str]) -> Result:
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
    found = Verdict(len(offered), len(accepted), len(there), 0, lost, unknown, twice)
    return {
        "what": "live: kill -9 and broken links among real processes",
        "runs": run.faults,
        "messages": found.offered,
        "delivered": found.delivered,
        "lost": found.lost,
        "unknown": found.unknown,
        "twice": found.twice,
        "bar": "0 lost, 0 twice",
        "ok": found.whole and found.delivered > 0,
        "why": str(found) if not found.whole else "",
    }


def _recoveries(run: Run, full: bool) -> Iterator[Result]:
    """P3: seconds from the start of the process, or from the mend, to the first sample that is through again."""
    for kind, found in sorted(run.back_s.items()):
        median, most = float(np.median(found)), max(found)
        bars = BARS[kind]
        ok = median <= bars[0] and most <= bars[1] if full else most <= QUICK_S
        bar = f"p50 <= {bars[0]:g}, most <= {bars[1]:g}" if full else f"most <= {QUICK_S:g}"
        what = f"P3: back after {LINKS.get(kind, f'kill -9 of the {kind}')}"
        yield {"what": what, "runs": len(found), "p50_s": median, "most_s": most, "bar": bar, "ok": ok}


def _workers(run: Run) -> Result:
    """A job whose worker is killed ends and says so, or goes on with another worker where it had not begun."""
    ended = [over for over in run.jobs if over.kept or "killed by signal 9" in over.why]
    what, bar = "kill -9 of a worker: its job ends", "all, kept or with the reason"
    ok = len(ended) == len(run.jobs)
    return {"what": what, "runs": len(run.jobs), "bar": bar, "ok": ok, "why": "" if ok else str(run.jobs)}


def _first(took: list[float], starts: int) -> Result:
    p95 = float(np.percentile(took, 95))
    what, bar = "first answer with the cloud down, from process start", "p95 <= 2" if starts >= MANY else "most <= 10"
    ok = p95 <= 2.0 if starts >= MANY else max(took) <= 10.0
    return {"what": what, "runs": starts, "p50_s": float(np.median(took)), "p95_s": p95, "bar": bar, "ok": ok}


def kept_out(run: Run) -> Result:
    """P14: an edge that is disabled is cut off at once, and let in again when it is enabled."""
    edge = run.edges[0]
    authority = Authority.load(run.running.folder / CLOUD)

    def linked() -> bool:
        return any(link.up for link in run.running.status(CLOUD).links if link.peer == edge)

    def after(standing: str, up: bool) -> float:
        began_s = time.monotonic()
        authority.change(edge, standing)
        _until(lambda: linked() is up)
        return time.monotonic() - began_s

    out_s, in_s = after(DISABLED, False), after(ENROLLED, True)
    what, bar = "P14: a disabled edge is cut off", f"<= {DISABLED_S:g} s"
    return {
        "what": what,
        "runs": 1,
        "most_s": out_s,
        "bar": bar,
        "ok": out_s <= DISABLED_S,
        "why": f"back in {in_s:.1f} s",
    }


def _until(true: Callable[[], bool], most_s: float = 60.0) -> None:
    end_s = time.monotonic() + most_s
    while not true() and time.monotonic() < end_s:
        time.sleep(0.02)
