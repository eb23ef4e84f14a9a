"""Work on releases: inspect, verify, activate, time their stages, say what there is to learn on from."""

from __future__ import annotations

import platform
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.blob import arrays_of_bytes
from ..core.errors import Corrupt, NotFound, Refused
from ..core.label import Zone
from ..core.profile import Profile, StageTime
from ..core.ref import Ref
from ..core.release import Release
from ..flow.adapt.messages import Material, Materials
from ..flow.install.messages import Activate, Active, Examine, Inspect, Needs, Verified, Verify
from ..flow.profile.messages import TimeStages
from .loaded import Loaded, activate, load, loaded, read_manifest, remember
from .tools import Tools

WARM, RUNS = 20, 200  # calls of a stage unseen, then timed
SLOWER = 3.0  # times the active release's median that a new one may take
SLACK_S = 0.001  # below this a ratio of two timings says nothing


def inspect(work: Inspect, tools: Tools) -> Needs:
    """What a trusted manifest still needs here."""
    release = read_manifest(work.manifest, tools)
    if release.counter != work.counter:
        raise Refused(f"release {work.counter} was offered, its manifest says {release.counter}; do not install it")
    if release.counter <= work.floor:
        raise Refused(f"release {release.counter} is not above this node's floor {work.floor}; sign a newer one")
    return Needs(release.counter, tuple(ref for ref in release.refs() if not tools.disk.has(ref)))


def examine(work: Examine, tools: Tools) -> Needs:
    """What is damaged or gone of the release that answers; a damaged blob is set aside by the disk as it is read."""

    def whole(ref: Ref) -> bool:
        try:
            tools.disk.get(ref)
        except (Corrupt, NotFound):
            return False
        return True

    if not whole(work.manifest):
        return Needs(work.counter, (work.manifest,))
    return Needs(work.counter, tuple(ref for ref in read_manifest(work.manifest, tools).refs() if not whole(ref)))


def verify(work: Verify, tools: Tools) -> Verified:
    """Every gate that needs no live sample; the first that says no is named."""
    release = read_manifest(work.manifest, tools)
    zone, node = Zone(work.zone), tools.fleet.node(tools.me)
    stage = release.plan().at(zone)
    if stage is not None and node.memory_bytes is not None:
        need = next(g.memory_bytes for g in release.graphs if (g.first, g.last) == (stage.first, stage.last))
        if need > node.memory_bytes:
            raise Refused(f"memory gate: its stage needs {need} bytes, {node.id} has {node.memory_bytes}")
    active = loaded(tools, 0)
    if active is not None and (active.release.input_shape, active.release.classes) != (
        release.input_shape,
        release.classes,
    ):
        raise Refused(f"schema gate: release {release.counter} takes other inputs or knows other classes")
    ready = load(work.manifest, tools)
    x = arrays_of_bytes(tools.disk.get(release.golden_x))["x"]
    wanted = arrays_of_bytes(tools.disk.get(release.golden_y))["p"]
    got = ready.stage(0, release.exits)(np.asarray(x, np.float32))[release.exits - 1]
    worst = float(np.abs(got - wanted).max())
    if not worst <= release.tolerance:
        raise Corrupt(f"golden gate: outputs differ by {worst:.2g}, {release.tolerance:.2g} is allowed")
    _check_latency(ready, active, zone, tools)
    remember(release.counter, work.manifest, tools)  # a trial that a crash has ended needs it again
    return Verified(release.counter)


def _check_latency(ready: Loaded, active: Loaded | None, zone: Zone, tools: Tools) -> None:
    if active is None:
        return
    took = []
    for one in (ready, active):
        stage = one.release.plan().at(zone)
        if stage is None:
            return
        took.append(_median_s(one, stage.first, stage.last, tools))
    if took[0] > SLOWER * took[1] + SLACK_S:
        raise Refused(f"latency gate: {took[0] * 1e3:.2f} ms, the active release takes {took[1] * 1e3:.2f} ms")


def _median_s(one: Loaded, first: int, last: int, tools: Tools, runs: int = 50) -> float:
    shape = one.release.input_shape
    run = one.stage(first, last)
    x = np.zeros((1, *shape), np.float32) if first == 0 else one.stage(0, first)(np.zeros((1, *shape), np.float32))[-1]
    took = []
    for _ in range(runs):
        began_s = tools.stopwatch()
        run(x)
        took.append(tools.stopwatch() - began_s)
    return float(np.median(took))


def switch(work: Activate, tools: Tools) -> Active:
    """Answers with this release from now on."""
    activate(work, tools)
    return Active(work.counter)


def material(work: Material, tools: Tools) -> Materials:
    """The active release's weights and replay examples."""
    ready = loaded(tools, 0)
    if ready is None:
        raise NotFound(f"node {tools.me} answers with no release yet; there is nothing to learn on from")
    release: Release = ready.release
    return Materials(release.counter, release.weights, release.replay)


def time_stages(work: TimeStages, tools: Tools) -> Profile:
    """How long each stage takes here, or what the world's shipped profile says."""
    if work.zone in tools.shipped:
        return replace(tools.shipped[work.zone], model=work.stored.digest)
    stored, made = tools.disk.get(work.stored), []
    boundaries: dict[int, NDArray[Any]] = {}
    for graph in sorted(work.graphs, key=lambda g: (g.first, g.last)):
        run = tools.runner.load(tools.disk.get(graph.graph), stored)
        x = boundaries.get(graph.first)
        if x is None:
            x = np.zeros((1, *work.input_shape), np.float32)
            boundaries[0] = x
        out = run(x)
        if graph.first == 0:
            boundaries.setdefault(graph.last, out[-1])
        took = []
        for turn in range(WARM + RUNS):
            began_s = tools.stopwatch()
            run(x)
            if turn >= WARM:
                took.append(tools.stopwatch() - began_s)
        p50_s, p95_s = (float(q) for q in np.quantile(took, [0.5, 0.95]))
        made.append(StageTime(graph.first, graph.last, p50_s, p95_s))
    cpu = platform.processor() or platform.machine()
    return Profile(work.stored.digest, tools.me, tools.runner.name, 1, cpu, "measured", tuple(made))
