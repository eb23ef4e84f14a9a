"""A running node's collection: what its open processes name stays, what they have let go of goes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.label import PUBLIC_UPDATE, Zone
from ganglion.core.ports import Parcel, Reading, Tell
from ganglion.core.ref import Ref
from ganglion.engine.onnx import OnnxRunner
from ganglion.flow.round.server import Round
from ganglion.live.clock import LiveClock
from ganglion.live.disk import LiveDisk
from ganglion.live.disk.collect import Collector
from ganglion.live.identity.vault import LocalVault
from ganglion.live.rng import LiveRng
from ganglion.live.tidy import Tidy, refs_in
from ganglion.node.bodies import make_codec
from ganglion.node.drive import Drive, World
from ganglion.node.places import PLACES
from ganglion.node.tools import Tools, Tray

CLOUD = NodeId("cloud")
FLEET = Fleet((Node(CLOUD, Zone.CLOUD),), ())


class Nobody:
    """Neither a neighbour nor a worker is there: what is asked for stays open."""

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        """Lost."""

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Never done."""

    def cancel(self, *_: str) -> None:
        """There is nothing to cancel."""

    def link(self, to: NodeId) -> Reading:
        """Down."""
        return Reading(False)


@contextmanager
def node(folder: Path, loop: asyncio.AbstractEventLoop) -> Iterator[tuple[Drive, LiveDisk, Tidy]]:
    """A cloud whose processes run and whose world is empty."""
    vault = LocalVault(folder)
    disk = LiveDisk(folder / "state", vault, lambda call: (loop.call_soon_threadsafe(call), None)[1])
    tools = Tools(CLOUD, FLEET, disk, LiveRng(1), vault, make_codec(), Tray(CLOUD), OnnxRunner())
    nobody = Nobody()
    drive = Drive(
        tools, World(LiveClock(loop), nobody, nobody, lambda fact: None), PLACES[Zone.CLOUD], disk.incarnation
    )
    drive.boot()
    try:
        yield drive, disk, Tidy(drive, disk, Collector(folder / "state", disk.get))
    finally:
        disk.close()


async def settled(true: Any) -> None:
    """Until it holds."""
    async with asyncio.timeout(10.0):
        while not true():
            await asyncio.sleep(0.005)


def aged(folder: Path, ref: Ref) -> None:
    """As if it had been written long ago."""
    os.utime(folder / "state" / "blobs" / ref.digest[:2] / ref.digest, (1.0, 1.0))


def test_a_collection_keeps_what_an_open_process_names_also_after_a_restart(tmp_path: Path) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        with node(tmp_path, loop) as (drive, disk, tidy):
            asked, lost = (disk.put([raw], PUBLIC_UPDATE) for raw in (b"asked", b"lost"))
            for ref in (asked, lost):
                aged(tmp_path, ref)
            drive.start(Round(7, asked, (), 1, 3600.0))
            await settled(lambda: any(row.key == "Round/7" for row in disk.scan("journal")))
            tidy.run()
            assert disk.has(asked) and not disk.has(lost)
            assert (
                tidy.latest is not None
                and tidy.latest.dropped == 1
                and dict(tidy.used) == {"flows": len(b"asked"), "waste": 0}
            )
        with node(tmp_path, loop) as (drive, disk, tidy):
            aged(tmp_path, asked)
            tidy.run()
            assert disk.has(asked)
            drive.slots["Round/7"].flow.phase = type(drive.slots["Round/7"].flow.phase).OVER  # type: ignore[misc,attr-defined]
            tidy.run()
            assert not disk.has(asked)

    uvloop.run(work())


def test_references_are_found_however_deep() -> None:
    refs = [Ref(f"{n:064x}", 1, PUBLIC_UPDATE) for n in range(4)]
    body = {"a": [refs[0], (refs[1],)], "b": Round(1, refs[2], (), 1, 1.0), "c": np.zeros(2), "d": {refs[3]}}
    assert sorted(refs_in(body)) == sorted(refs)
