"""Work on the way of a sample: read it, run a stage on it, compare two releases on it, watch its confidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NotFound
from ..core.label import Form, Label, Zone
from ..core.plan import ALWAYS, NEVER, Plan, Stage
from ..core.ref import Ref
from ..core.release import Release
from ..flow.sense.messages import Read, Reading
from ..flow.serve.messages import Ran, Run
from ..flow.trial.messages import Compare, Compared
from ..flow.watch.messages import Watch, Watched
from ..watch import Cusum
from .loaded import loaded
from .tools import Tools

FAR = 0.5  # standard deviations that a site's features may lie apart: its images are not the calibration set's
SETTLING = 200  # samples that show what a site looks like to a release


def read(work: Read, tools: Tools) -> Reading:
    """One reading of this device's sensor."""
    if tools.sensor is None:
        raise NotFound(f"device {tools.me} has no sensor; give it one in the fleet file")
    x, tier = tools.sensor(work.source, work.number)
    sample = f"{tools.me}/{work.source}/{work.number}"
    return Reading(sample, tools.tray.put(sample, x, Label(tier, Form.RAW)))


def run(work: Run, tools: Tools) -> Ran:
    """What this zone's stage says to a sample; exits in order, and what the next stage wants."""
    ready = loaded(tools, work.version)
    if ready is None and work.first == 0:
        ready = loaded(tools, 0)
    if ready is None:
        return Ran(0, (), (), (), -1, None, 0)
    plan = alone(ready.release, tools) if work.alone else ready.release.plan(work.plan)
    stage, beyond = plan.at(work.zone), plan.beyond(work.zone)
    if stage is None:
        return Ran(ready.release.counter, (), (), (), -1, work.x if beyond else None, work.first)
    outs = ready.probabilities(tools.tray.get(work.x), stage.first, stage.last)
    exits = outs[: stage.last - stage.first]
    sure = [float(p.max()) for p in exits]
    leave = next((i for i, (p, least) in enumerate(zip(sure, stage.thresholds, strict=True)) if p >= least), -1)
    onward = None
    if beyond is not None and leave < 0:
        onward = work.x if beyond.first == 0 else _boundary(work.x, outs[-1], tools)
    return Ran(
        ready.release.counter,
        tuple(range(stage.first, stage.last)),
        tuple(int(p.argmax()) for p in exits),
        tuple(sure),
        leave,
        onward,
        0 if beyond is None else beyond.first,
        ready.distance(outs[-1]) if (stage.first, stage.last) == (0, 1) and ready.release.features else -1.0,
    )


def alone(release: Release, tools: Tools) -> Plan:
    """All that this node could do by itself: the deepest stage from the raw sample that its memory holds."""
    node = tools.fleet.node(tools.me)
    fit = [g for g in release.graphs if g.first == 0 and g.memory_bytes <= (node.memory_bytes or g.memory_bytes)]
    if not fit:
        return Plan("alone", (), release.stored.digest)
    depth = max(graph.last for graph in fit)
    return Plan("alone", (Stage(node.zone, 0, depth, (NEVER,) * (depth - 1) + (ALWAYS,)),), release.stored.digest)


def _boundary(x: Ref, tensor: NDArray[Any], tools: Tools) -> Ref:
    """The tensor at a cut; it is as private as the sample that it was made from."""
    name = x.digest.split("/", 1)[1]
    return tools.tray.put(f"{name}/boundary", tensor, x.label.as_form(Form.FEATURE))


def compare(work: Compare, tools: Tools) -> Compared:
    """What users would get from either release, this edge being the farthest that may be asked."""
    x = tools.tray.get(work.x)
    answers = []
    for counter in (work.champion, work.candidate):
        ready = loaded(tools, counter)
        if ready is None:
            raise NotFound(f"release {counter} is not in memory here; the trial begins again when it is")
        answers.append(ready.answer(x, ready.release.plan(), Zone.EDGE))
    counts = tools.labels is None or tools.labels(work.sample) is not None
    return Compared(work.sample, answers[0], answers[1], counts)


def watch(work: Watch, tools: Tools) -> Watched:
    """Feeds the detectors of the release that answered; a new release begins new ones."""
    ready = loaded(tools, work.version)
    if ready is None:
        return Watched(False, 0)
    name = f"detector/{work.version}/{work.turn}"
    if name not in tools.loaded:
        for old in [key for key in tools.loaded if key.startswith("detector/")]:
            del tools.loaded[old]
        release = ready.release
        known = None if release.parent else (release.confidence[0], release.distance)
        tools.loaded[name] = Watcher() if known is None else Watcher([Cusum(*known[0]), Cusum(*known[1], drift=FAR)])
    return tools.loaded[name].take((work.confidence, work.distance))  # type: ignore[no-any-return]


@dataclass
class Watcher:
    """Two detectors, of how sure the first exit is and of how far features are from what is known.

    A release that was learnt from a drift was judged on its site already; what that site looks like to it is taken
    from the first samples there, not from the public calibration set.
    """

    detectors: list[Cusum] = field(default_factory=list)
    seen: list[tuple[float, float]] = field(default_factory=list)
    samples: int = 0

    def take(self, values: tuple[float, float]) -> Watched:
        """One more sample; a distance below 0 was not seen and does not count."""
        self.samples += 1
        if not self.detectors:
            self.seen.append(values)
            if len(self.seen) == SETTLING:
                means, stds = np.mean(self.seen, axis=0), np.std(self.seen, axis=0)
                (sure, far), (sure_std, far_std) = means.tolist(), stds.tolist()
                self.detectors = [Cusum(sure, sure_std), Cusum(far, far_std, drift=FAR)]
            return Watched(False, self.samples)
        alarms = [one.update(value) for one, value in zip(self.detectors, values, strict=True) if value >= 0.0]
        return Watched(any(alarms), self.samples)
