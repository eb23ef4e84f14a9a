"""The roll-out benches' sites in the simulator: five, on the virtual clock, with a model in plain numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..core.fleet import NodeId
from ..core.ports import Disk
from ..node.drive import Drive
from ..node.loaded import ACTIVE
from ..run import simulate
from ..sim.world import SimFleet
from .rollout_fleet import CLOUD, SMALL_BYTES, Story, setup, sites
from .rollout_model import Engine, Project, Runner, Watch

EDGES, DEVICES = sites(5)
RINGS = (EDGES[:1], EDGES[1:2], EDGES[2:])


@dataclass(frozen=True)
class SimLook:
    """Looks into the one process that holds all nodes."""

    world: SimFleet
    watch: Watch

    def disk(self, node: NodeId) -> Disk:
        """Of its life."""
        return self.drive(node).tools.disk

    def flow(self, node: NodeId, name: str) -> Any:
        """As the node has it."""
        drive = self.world.nodes[node].drive
        slot = None if drive is None else drive.slots.get(name)
        return None if slot is None else slot.flow

    def release(self, node: NodeId) -> int:
        """What it answers with."""
        return int(self.drive(node).tools.loaded.get(ACTIVE, 0))

    def waiting(self, node: NodeId) -> int:
        """Parcels promised and not acknowledged."""
        return self.drive(node).post.outbox.waiting

    def stored_bytes(self, node: NodeId) -> int:
        """In its blobs."""
        return sum(map(len, self.world.nodes[node].platter.blobs.values()))

    def step(self) -> None:
        """To the next event."""
        self.world.heap.step()

    def born(self, node: NodeId) -> None:
        """Its stopwatch is the one that stages move."""
        self.drive(node).tools.stopwatch = self.watch

    def drive(self, node: NodeId) -> Drive:
        """Its node code. Raises LookupError where it does not run."""
        drive = self.world.nodes[node].drive
        if drive is None:
            raise LookupError(f"{node} does not run now; start it first")
        return drive


def world(seed: int, moved: NodeId | None = None, first: str = "fair") -> Story:
    """Nothing wrong yet; with `first`, a release of that version answers everywhere."""
    watch = Watch()
    fleet = simulate(setup(seed, len(EDGES), "", SMALL_BYTES, moved), seed, Project(), Runner(watch), Engine)
    story = Story(fleet, SimLook(fleet, watch), EDGES, DEVICES, RINGS)
    for node in (CLOUD, *EDGES, *DEVICES):
        story.look.born(node)
    story.open(first)
    return story
