"""The roll-out benches' sites as processes: three, over shaped links, with the same model in torch and ONNX Runtime."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.fleet import NodeId
from ..core.ports import Disk
from ..live.agent_file import STATE
from ..live.equip import WorkerDisk
from ..live.identity.vault import LocalVault
from ..live.supervisor import LiveFleet
from ..node.bodies import make_codec
from ..node.journal import replay
from .rollout_fleet import Story, setup, sites

EDGES, DEVICES = sites(3)
RINGS = (EDGES[:1], EDGES[1:2], EDGES[2:])
SPEC = "ganglion.bench.rollout_project.model:build"
MOMENT_S = 0.005


@dataclass(frozen=True)
class LiveLook:
    """Looks into processes: asks them how they are, and reads their journals from their disks."""

    fleet: LiveFleet

    def disk(self, node: NodeId) -> Disk:
        """As a worker of the node has it."""
        folder = self.fleet.folder / node
        return WorkerDisk(folder / STATE, LocalVault(folder))

    def flow(self, node: NodeId, name: str) -> Any:
        """Of the journal, whether the process lives or not."""
        try:
            return next((slot.flow for slot, _ in replay(self.disk(node), make_codec()) if slot.id == name), None)
        except sqlite3.OperationalError:  # it is being made
            return None

    def release(self, node: NodeId) -> int:
        """What it answers with."""
        return self.fleet.status(node).release

    def waiting(self, node: NodeId) -> int:
        """Parcels promised and not acknowledged."""
        return self.fleet.status(node).waiting

    def stored_bytes(self, node: NodeId) -> int:
        """Of every file but its database and its logs."""
        files = (self.fleet.folder / node / STATE).rglob("*")
        return sum(file.stat().st_size for file in files if file.is_file() and not file.name.startswith("state.db"))

    def step(self) -> None:
        """For a moment."""
        self.fleet.rest(MOMENT_S)

    def born(self, node: NodeId) -> None:
        """Nothing is to be done: its clock is this machine's."""


@contextmanager
def world(seed: int, first: str = "fair") -> Iterator[Story]:
    """Nothing wrong yet; with `first`, a release of that version answers everywhere. Processes end with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-rollout-") as name,
        LiveFleet(setup(seed, len(EDGES), SPEC, None), Path(name) / "fleet", seed) as fleet,
    ):
        story = Story(fleet, LiveLook(fleet), EDGES, DEVICES, RINGS)
        story.open(first)
        yield story
