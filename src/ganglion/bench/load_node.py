"""The node under load, in a process of its own: our wire, drive, journal and disk, and a flow that counts.

`python -m ganglion.bench.load_node FOLDER PORT ZONE COUNT`: listens for COUNT neighbours below; a line `status` on
stdin is answered with a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from ..core.errors import ConfigError
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Zone
from ..core.ports import Tell
from ..engine.onnx import OnnxRunner
from ..flow.presence.messages import Beat, Present
from ..flow.presence.node import Presence
from ..live.clock import LiveClock
from ..live.disk import LiveDisk
from ..live.identity.node import Identity
from ..live.identity.vault import LocalVault
from ..live.rng import LiveRng
from ..live.wire.neighbour import Ears
from ..live.wire.net import WireNet
from ..node.drive import Drive, World
from ..node.runs import Runs
from ..node.tools import Tools, Tray
from .load_messages import Note, Sink, codec

HOST = "127.0.0.1"
CLOUD, EDGE = NodeId("cloud"), NodeId("edge")
LOOPBACK = Link("loopback", 1e9, 1e9, 0.0)
UPPER = {Zone.CLOUD: CLOUD, Zone.EDGE: EDGE}
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def lower(zone: Zone, place: int) -> NodeId:
    """The name of a neighbour below a node of that zone."""
    return NodeId(f"{'edge' if zone is Zone.CLOUD else 'device'}-{place}")


def fleet_of(zone: Zone, places: range) -> Fleet:
    """The cloud, an edge where that is what is under load, and so many neighbours below."""
    nodes, links = [Node(CLOUD, Zone.CLOUD)], list[tuple[NodeId, Link]]()
    if zone is Zone.EDGE:
        nodes.append(Node(EDGE, Zone.EDGE, CLOUD))
        links.append((EDGE, LOOPBACK))
    below = [lower(zone, place) for place in places]
    nodes += [Node(name, Zone(zone - 1), UPPER[zone]) for name in below]
    return Fleet(tuple(nodes), tuple(links) + tuple((name, LOOPBACK) for name in below))


class NoWork:
    """These flows ask for none."""

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Raises ConfigError."""
        raise ConfigError(f"{name} was asked for; nobody does work in this bench")

    def cancel(self, name: str) -> None:
        """There is nothing to take back."""


class Watched:
    """A node and what it has taken in."""

    def __init__(self, folder: Path, zone: Zone, count: int) -> None:
        loop, self.folder = asyncio.get_running_loop(), folder
        self.linked, self.beats = 0, 0
        identity, vault, known = Identity.load(folder), LocalVault(folder), codec()

        def soon(call: Any) -> None:
            loop.call_soon_threadsafe(call)

        self.disk = LiveDisk(folder / "state", vault, soon)
        self.tools = Tools(
            identity.node,
            fleet_of(zone, range(count)),
            self.disk,
            LiveRng(0),
            vault,
            known,
            Tray(identity.node),
            OnnxRunner(),
        )
        ears = Ears(lambda sender, parcel: self.drive.hear(sender, parcel), self._linked)
        self.net = WireNet(identity, self.tools.fleet, known, ears, self.tools.rng.stream("dial"))
        self.runs = (
            Runs(Sink, {}, hears=(Note,), standing=lambda tools: Sink()),
            Runs(Presence, {}, hears=(Beat,), standing=lambda tools: Presence(tools.me, None)),
        )
        world = World(LiveClock(loop), self.net, NoWork(), self._observe)
        self.drive = Drive(self.tools, world, self.runs, self.disk.incarnation)

    async def start(self, port: int) -> int:
        """Boots, listens and says where."""
        self.drive.boot()
        bound = await self.net.start((HOST, port), None)
        assert bound is not None
        return bound

    def status(self) -> dict[str, Any]:
        """Everything so far."""
        sink = self.drive.slots["Sink/"].flow
        assert isinstance(sink, Sink)
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
        return {
            "linked": self.linked,
            "beats": self.beats,
            "notes": sum(sink.taken.values()),
            "gaps": sink.gaps,
            "waiting": self.disk.waiting,
            "at_s": time.monotonic(),
            "rss_bytes": resident,
            "cpu_s": time.process_time(),
            "trouble": self.net.trouble,
            "disk_bytes": sum(path.stat().st_size for path in (self.folder / "state").glob("state.db*")),
        }

    def _linked(self, peer: NodeId, up: bool) -> None:
        self.linked += 1 if up else -1
        self.drive.linked(peer, up)

    def _observe(self, body: Any) -> None:
        self.beats += isinstance(body, Present)


def say(answer: dict[str, Any]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


async def lines() -> asyncio.StreamReader:
    """Stdin, line by line."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def serve(folder: Path, port: int, zone: Zone, count: int) -> None:
    """Until stdin ends."""
    node = Watched(folder, zone, count)
    say({"port": await node.start(port), **node.status()})
    asked = await lines()
    while await asked.readline():
        say(node.status())
    await node.net.close()
    node.disk.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2]), Zone(int(sys.argv[3])), int(sys.argv[4])))
