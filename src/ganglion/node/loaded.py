"""Releases in memory: their stages ready to run, so that a switch changes one number and no request waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Corrupt, NotFound
from ..core.label import Zone
from ..core.plan import Plan
from ..core.ports import Put
from ..core.ref import Ref
from ..core.release import Release, Signed
from ..core.sample import to_input
from ..flow.install.messages import Activate
from .tools import Tools

ACTIVE = "active"  # table: the release that this node answers with
RELEASES = "releases"  # table: every release that this node has made or verified, by counter
KEPT = 3  # releases in memory: the one that answers, the one before, the one on trial
Run = Callable[[NDArray[Any]], list[NDArray[Any]]]


def channels(boundary: NDArray[Any]) -> NDArray[np.float64]:
    """Boundary tensors [n, channel, ...] as one number per channel: [n, channel]."""
    per: NDArray[np.float64] = np.asarray(boundary, np.float64).reshape(len(boundary), boundary.shape[1], -1)
    return np.asarray(per.mean(-1))


@dataclass
class Loaded:
    """One release, its stages loaded on first use."""

    release: Release
    tools: Tools
    stages: dict[tuple[int, int], Run] = field(default_factory=dict)
    stored: bytes | None = None

    def stage(self, first: int, last: int) -> Run:
        """Segments [first, last) as a function."""
        run = self.stages.get((first, last))
        if run is None:
            graph = next((g for g in self.release.graphs if (g.first, g.last) == (first, last)), None)
            if graph is None:
                raise NotFound(f"release {self.release.counter} offers no stage [{first}, {last})")
            if self.stored is None:
                self.stored = self.tools.disk.get(self.release.stored)
            run = self.tools.runner.load(self.tools.disk.get(graph.graph), self.stored)
            self.stages[first, last] = run
        return run

    def probabilities(self, x: NDArray[Any], first: int, last: int) -> list[NDArray[Any]]:
        """What a stage says to one sample or boundary tensor: [classes] per exit, then the boundary tensor if any."""
        ready = to_input(x, self.release.scale) if first == 0 else np.asarray(x, np.float32)
        return [out[0] for out in self.stage(first, last)(ready[None])]

    def distance(self, boundary: NDArray[Any]) -> float:
        """How far a boundary tensor's features are from those of the calibration set, in standard deviations."""
        mean, std = np.array(self.release.features).T
        return float(np.sqrt(np.mean(((channels(boundary[None])[0] - mean) / std) ** 2)))

    def answer(self, x: NDArray[Any], plan: Plan, farthest: Zone) -> int:
        """The class that a raw sample would get by a plan if nothing beyond `farthest` could be asked."""
        y, boundary = -1, x
        for stage in plan.stages:
            if stage.zone > farthest and y >= 0:
                break
            outs = self.probabilities(x if stage.first == 0 else boundary, stage.first, stage.last)
            for threshold, p in zip(stage.thresholds, outs, strict=False):
                y = int(p.argmax())
                if float(p.max()) >= threshold:
                    return y
            boundary = outs[-1]
        return y


def read_manifest(manifest: Ref, tools: Tools) -> Release:
    """A release whose signature holds. Raises Corrupt when it does not."""
    signed = tools.codec.decode(tools.disk.get(manifest))
    if not isinstance(signed, Signed) or not tools.vault.verify(signed.manifest, signed.signature):
        raise Corrupt(f"manifest {manifest.digest[:12]} is not signed by this fleet's release key; do not install it")
    release = tools.codec.decode(signed.manifest)
    if not isinstance(release, Release):
        raise Corrupt(f"manifest {manifest.digest[:12]} holds no release")
    return release


def load(manifest: Ref, tools: Tools) -> Loaded:
    """A release in memory; the oldest makes room."""
    release = read_manifest(manifest, tools)
    releases: dict[int, Loaded] = tools.loaded.setdefault("releases", {})
    if release.counter not in releases:
        releases[release.counter] = Loaded(release, tools)
        for counter in sorted(releases)[:-KEPT]:
            if counter != tools.loaded.get(ACTIVE):
                del releases[counter]
    return releases[release.counter]


def remember(counter: int, manifest: Ref, tools: Tools) -> None:
    """Keeps where a release is, so that it can be loaded again after a restart."""
    row = tools.codec.encode(Activate(counter, manifest))
    tools.disk.commit([Put(RELEASES, str(counter), row, replace=True)], lambda: None)


def loaded(tools: Tools, counter: int) -> Loaded | None:
    """A release by its counter, 0 = the active one; None where it is not here."""
    counter = counter or int(tools.loaded.get(ACTIVE, 0))
    releases: dict[int, Loaded] = tools.loaded.setdefault("releases", {})
    if counter and counter not in releases:
        for row in tools.disk.scan(RELEASES):
            if row.key == str(counter):
                return load(tools.codec.decode(row.data).manifest, tools)
    return releases.get(counter)


def activate(work: Activate, tools: Tools) -> None:
    """Makes a release the one that answers, now and after a restart."""
    if work.manifest is not None:
        ready = load(work.manifest, tools)
        plan = ready.release.plan()
        stage = plan.at(tools.fleet.zone(tools.me))
        if stage is not None:
            ready.stage(stage.first, stage.last)
    tools.loaded[ACTIVE] = work.counter
    tools.disk.commit([Put(ACTIVE, ACTIVE, tools.codec.encode(work), replace=True)], lambda: None)


def restore(tools: Tools) -> str:
    """Loads what a former life of this node answered with; says why if it cannot, for `install` fetches it again."""
    why = ""
    for row in tools.disk.scan(ACTIVE):
        work: Activate = tools.codec.decode(row.data)
        if work.manifest is not None:
            tools.loaded[ACTIVE] = work.counter
            try:
                load(work.manifest, tools)
            except (Corrupt, NotFound) as error:
                why = str(error)
    return why
