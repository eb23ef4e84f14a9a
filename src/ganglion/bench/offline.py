"""Without the cloud: days of it in the simulator with a full disk, minutes of it and reboots among real processes.

The four live cases are what KubeEdge's users report of it in issues 3618, 4210, 4441 and 3941, as acceptance tests.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import GanglionError
from ..core.facts import Activated
from ..core.fleet import NodeId
from ..live.admin import AdminClient
from ..live.supervisor import LiveFleet
from .offline_days import days
from .survive_fleet import CLOUD, fleet
from .survive_live import FEATURES, Run, Source, setup
from .survive_rows import ledger, verdict_of

AWAY_S, QUICK_AWAY_S = 60.0, 5.0  # of the live minute
CUT_S = 3.0
REBOOTS = 3
RATE_HZ = 20.0
VIRTUAL_HOURS, QUICK_HOURS = 7 * 24, 6
Result = dict[str, Any]
Wrong = Iterator[str]


def run(quick: bool, seed: int) -> Result:
    """Rows of the days, of the four cases, and of the live minute."""
    rows = [*days(QUICK_HOURS if quick else VIRTUAL_HOURS, seed), *_live(QUICK_AWAY_S if quick else AWAY_S, seed)]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _live(away_s: float, seed: int) -> Iterator[Result]:
    """One small fleet with a release; each case begins with everybody there and ends so."""
    made = fleet(1, 1)
    with tempfile.TemporaryDirectory(prefix="ganglion-offline-") as name:
        folder = Path(name) / "fleet"
        with LiveFleet(setup(made), folder, seed, shaped=False) as running:
            played = Run(running, [])
            if not (over := played.job()).kept:
                raise GanglionError(f"no release to answer with: {over.why}; run it again with -v")
            for what, case in CASES.items():
                wrong = list(case(played))
                yield {"what": what, "runs": 1, "bar": "holds", "ok": not wrong, "why": "; ".join(wrong)}
            accepted = _minute(played, away_s)
        verdict = verdict_of(played, folder, accepted)
        yield ledger(verdict, f"live: {away_s:g} s without the cloud, nothing is lost", 1)


def cloud_stopped(run: Run) -> Wrong:
    """3618: the cloud stands still, the edge is rebooted: it answers at once, and agrees with the cloud afterwards."""
    run.running.kill(CLOUD)
    _reboot(run)
    yield from _answers(run)
    since = len(run.running.facts)
    run.running.start(CLOUD)
    yield from _agrees(run, since)


def offline(reboots: int) -> Callable[[Run], Wrong]:
    """4210, 4441: the network is off while the site reboots, once or again and again; what it runs comes back."""

    def case(run: Run) -> Wrong:
        edge, _ = _site(run)
        run.running.cut(edge)
        for _ in range(reboots):
            _reboot(run)
            yield from _answers(run)
        since = len(run.running.facts)
        run.running.mend(edge)
        yield from _agrees(run, since)

    return case


def reconnected(run: Run) -> Wrong:
    """3941: when the network comes back nothing is rebuilt: the same processes, the same release, no answer missing."""
    edge, device = _site(run)
    before = {node: (run.running.status(node).pid, run.running.status(node).release) for node in (edge, device)}
    since = len(run.running.facts)
    run.running.cut(edge)
    for _ in range(int(CUT_S / 0.5)):
        run.running.rest(0.5)
        yield from _answers(run)
    run.running.mend(edge)
    yield from _agrees(run, since)
    for _ in range(5):
        yield from _answers(run)
    after = {node: (run.running.status(node).pid, run.running.status(node).release) for node in (edge, device)}
    if after != before:
        yield f"processes and releases were {before}, are {after}"


CASES: dict[str, Callable[[Run], Wrong]] = {
    "KubeEdge 3618: cloud stopped, edge rebooted: it answers": cloud_stopped,
    "KubeEdge 4210: network off, edge restarted: it answers": offline(1),
    f"KubeEdge 4441: ended {REBOOTS} times offline: it answers": offline(REBOOTS),
    "KubeEdge 3941: reconnected: nothing is rebuilt": reconnected,
}


def _site(run: Run) -> tuple[NodeId, NodeId]:
    edge = run.edges[0]
    return edge, run.running.fleet.children(edge)[0].id


def _reboot(run: Run) -> None:
    """Edge and device, as a power cut at the site does."""
    for node in _site(run):
        run.running.kill(node)
    for node in _site(run):
        run.running.start(node)


def _answers(run: Run) -> Wrong:
    """The device answers with its release, with the help of its edge or without."""
    edge, device = _site(run)
    try:
        with AdminClient(run.running.folder / device) as client:
            found = client.infer(np.zeros(FEATURES, np.float32))
    except GanglionError as error:
        yield f"no answer: {error}"
        return
    releases = [run.running.status(node).release for node in (edge, device)]
    if {found.answer.version, *releases} != {1}:
        yield f"answered with release {found.answer.version}, nodes have {releases}"


def _agrees(run: Run, since: int) -> Wrong:
    """Everybody is linked again, and nobody has been given another release on the way."""
    edge, device = _site(run)
    _linked(run, edge)
    run.settle()
    if any(isinstance(body, Activated) for _, _, body in run.running.facts[since:]):
        yield "a release was activated again"
    if run.running.status(edge).release != 1 or run.running.status(device).release != 1:
        yield "the release is another one"


def _linked(run: Run, edge: NodeId) -> None:
    for _ in range(300):
        if any(link.up and link.peer == CLOUD for link in run.running.status(edge).links):
            return
        run.running.rest(0.1)
    raise GanglionError(f"{edge} did not find back to the cloud within 30 s; its log may say why")


def _minute(run: Run, away_s: float) -> set[str]:
    """Samples go on while there is no cloud; which of them were accepted."""
    from ..flow.deliver.messages import Accepted

    _, device = _site(run)
    run.sources = [Source(run.running, device, RATE_HZ)]
    run.sources[0].start()
    run.running.rest(1.0)
    run.running.kill(CLOUD)
    run.running.rest(away_s)
    run.running.start(CLOUD)
    run.running.rest(1.0)
    run.sources[0].over.set()
    run.sources[0].join()
    run.settle()
    return {body.sample for _, node, body in run.running.facts if node == device and isinstance(body, Accepted)}
