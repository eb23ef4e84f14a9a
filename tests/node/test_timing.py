"""Profiles of stages: only what is timed counts, a stage gets what the one before it hands on, shipped figures win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import PUBLIC_UPDATE, Zone
from ganglion.core.ports import Disk
from ganglion.core.profile import Profile
from ganglion.core.release import StageGraph
from ganglion.flow.profile.messages import TimeStages
from ganglion.node.bodies import make_codec
from ganglion.node.releases import RUNS, WARM, time_stages
from ganglion.node.tools import Tools, Tray
from ganglion.run import SimVault
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap
from ganglion.sim.world import SimRng

EDGE = NodeId("edge-1")
SHAPES = {b"0:1": (1, 3, 3), b"0:2": (1, 3, 3), b"1:2": (1, 5)}  # graph -> its input


@dataclass
class Paced:
    """A runtime whose stages take a declared time: the n-th call of one takes n milliseconds."""

    now_s: float = 0.0
    calls: dict[bytes, int] = field(default_factory=dict)
    name: str = "paced 1"

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        """Probabilities per exit, then the boundary where one is left."""
        assert stored == b"weights"
        first, last = (int(part) for part in graph.split(b":"))

        def run(x: NDArray[Any]) -> list[NDArray[Any]]:
            assert x.shape == SHAPES[graph] and x.dtype == np.float32
            self.calls[graph] = self.calls.get(graph, 0) + 1
            self.now_s += 0.001 * self.calls[graph]
            exits = [np.full((1, 2), 0.5, np.float32)] * (last - first)
            return exits if last == 2 else [*exits, np.zeros((1, 5), np.float32)]

        return run


def made(runner: Paced, shipped: dict[int, Profile]) -> tuple[Tools, TimeStages]:
    """An edge that holds three stages of a model."""
    disk: Disk = SimDisk(Platter("a"), Heap(), lambda: True)
    cloud = NodeId("cloud")
    fleet = Fleet((Node(cloud, Zone.CLOUD), Node(EDGE, Zone.EDGE, cloud)), ((EDGE, Link("wan", 1e6, 1e6, 0.01)),))
    tools = Tools(EDGE, fleet, disk, SimRng(1, EDGE), SimVault(1), make_codec(), Tray(EDGE), runner)
    tools.shipped, tools.stopwatch = shipped, lambda: runner.now_s
    graphs = tuple(StageGraph(int(raw[:1]), int(raw[2:]), disk.put([raw], PUBLIC_UPDATE), 1) for raw in SHAPES)
    return tools, TimeStages(disk.put([b"weights"], PUBLIC_UPDATE), graphs, (3, 3), int(Zone.EDGE))


def test_calls_that_warm_up_are_not_counted() -> None:
    runner = Paced()
    tools, work = made(runner, {})
    profile = time_stages(work, tools)
    assert runner.calls == dict.fromkeys(SHAPES, 1 + WARM + RUNS)  # one more shows what the next stage gets
    took_s = 0.001 * np.arange(2 + WARM, 2 + WARM + RUNS)
    for stage in profile.stages:
        np.testing.assert_allclose((stage.p50_s, stage.p95_s), np.quantile(took_s, [0.5, 0.95]))
    assert [(stage.first, stage.last) for stage in profile.stages] == [(0, 1), (0, 2), (1, 2)]
    assert (profile.model, profile.node, profile.runtime, profile.source) == (
        work.stored.digest, EDGE, "paced 1", "measured",
    )  # fmt: skip


def test_what_a_world_ships_is_taken_without_a_run() -> None:
    runner = Paced()
    shipped = Profile("", "shipped", "onnxruntime", 1, "x86-64", "shipped", ())
    tools, work = made(runner, {int(Zone.EDGE): shipped})
    profile = time_stages(work, tools)
    assert profile.source == "shipped" and profile.model == work.stored.digest and not runner.calls
