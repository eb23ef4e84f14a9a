"""A simulated fleet that hands samples up while whatever can break breaks, and the ledger of what became of each."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.facts import Hard, Missed
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Form, Label, Tier, Zone
from ..core.ports import Disk
from ..core.rng import stream
from ..flow.deliver.messages import Accepted
from ..flow.deliver.node import Deliver
from ..flow.keep.messages import KeptBatch
from ..node.drive import Drive
from ..node.keeping import KEPT
from ..node.tools import Policy
from ..project import Source
from ..run import Setup, simulate
from ..sim.faults import NONE, Faults
from ..sim.world import SimFleet
from .rollout_model import FEATURES, Engine, Project, Runner, Watch

CLOUD = NodeId("cloud")
WIFI, LTE = Link("wifi", 2.5e6, 5e6, 0.003, 0.001), Link("lte", 1.25e6, 5e6, 0.04, 0.004)
WORST = Faults(loss=0.02, duplicate=0.1, reorder=0.1, reorder_s=0.5, landed=0.5)
ALL_KEPT = 10**9
PUBLIC = Label(Tier.PUBLIC, Form.RAW)


def fleet(edges: int, devices: int, uplink: Link = LTE) -> Fleet:
    """A cloud, so many edges, and below each so many devices."""
    nodes, links = [Node(CLOUD, Zone.CLOUD)], list[tuple[NodeId, Link]]()
    for place in range(1, edges + 1):
        edge = NodeId(f"edge-{place}")
        below = [NodeId(f"device-{place}-{number}") for number in range(1, devices + 1)]
        nodes += [Node(edge, Zone.EDGE, CLOUD), *(Node(device, Zone.DEVICE, edge) for device in below)]
        links += [(edge, uplink), *((device, WIFI) for device in below)]
    return Fleet(tuple(nodes), tuple(links))


@dataclass(frozen=True)
class Verdict:
    """What became of the messages that were offered."""

    offered: int
    accepted: int  # their sender was told so
    delivered: int  # they lie at the cloud
    given_up: int  # and the receiver was told so
    lost: int  # accepted, and neither delivered nor said to be given up
    unknown: int  # their sender died before it was told anything, and they did not arrive either
    twice: int  # effects beyond one per message

    @property
    def whole(self) -> bool:
        """Nothing is lost, nothing counted twice."""
        return not (self.lost or self.twice)


@dataclass
class Story:
    """A world and what was done to it."""

    world: SimFleet
    wrap: Callable[[Story, NodeId, Disk], Disk] | None = None  # another disk under every node
    offered: set[str] = field(default_factory=set)
    accepted: set[str] = field(default_factory=set)
    gaps: list[tuple[NodeId, Missed]] = field(default_factory=list)
    down: set[NodeId] = field(default_factory=set)
    cut: set[NodeId] = field(default_factory=set)
    cuts: int = 0  # of power
    _seen: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.world.listeners.append(self._hear)
        for node in self.world.fleet.nodes:
            self._dress(node.id)

    def drive(self, node: NodeId) -> Drive:
        """Of a living node. Raises LookupError for a dead one."""
        drive = self.world.nodes[node].drive
        if drive is None:
            raise LookupError(f"{node} does not run now; start it first")
        return drive

    def offer(self, device: NodeId, label: Label = PUBLIC, size_bytes: int = 4 * FEATURES) -> None:
        """A sample that its device finds hard; nothing where it does not run."""
        if device in self.down:
            return
        name = f"{device}/s/{len(self.offered)}"
        self.offered.add(name)
        tools = self.drive(device).tools
        x = np.full(size_bytes // 4, len(self.offered), np.float32)
        self.world.tell(device, Hard(name, tools.tray.put(name, x, label)))

    def kill(self, node: NodeId) -> None:
        """Its power goes, unless it is dead."""
        if node not in self.down:
            self.down.add(node)
            self.cuts += 1
            self.world.kill(node)

    def start(self, node: NodeId) -> None:
        """Its next life."""
        if node in self.down:
            self.down.discard(node)
            self.world.start(node)
            self._dress(node)

    def part(self, lower: NodeId) -> None:
        """Cuts the link above a node."""
        self.cut.add(lower)
        self.world.cut(lower)

    def mend(self, lower: NodeId) -> None:
        """Repairs it."""
        if lower in self.cut:
            self.cut.discard(lower)
            self.world.mend(lower)

    def heal(self) -> None:
        """Everybody lives and every link is whole."""
        self.world.wires.faults, self.wrap = NONE, None
        for node in sorted(self.down):
            self.start(node)
        for lower in sorted(self.cut):
            self.mend(lower)

    def settle(self, most_s: float) -> bool:
        """Lets time pass until nothing that was promised waits; whether it came to that."""
        end_s = self.world.now_s() + most_s
        while self.waiting() and self.world.now_s() < end_s:
            self.world.rest(1.0)
        self.world.rest(1.0)  # what has arrived is being kept
        return not self.waiting()

    def waiting(self) -> int:
        """Parcels that nobody has acknowledged, and samples not yet written."""
        drives = [sim.drive for sim in self.world.nodes.values() if sim.drive is not None]
        return sum(drive.post.outbox.waiting + len(_deliver(drive).waiting) for drive in drives)

    def verdict(self) -> Verdict:
        """What became of every message, from what lies on the cloud's disk."""
        drive = self.drive(CLOUD)
        rows: list[KeptBatch] = [drive.tools.codec.decode(row.data) for row in drive.tools.disk.scan(KEPT)]
        there = Counter(sample for row in rows if drive.tools.disk.has(row.x) for sample, _ in row.samples)
        missing, given_up = self.accepted - set(there), sum(missed.items for _, missed in self.gaps)
        twice = sum(there.values()) - len(there) + max(_deliver(drive).delivered - len(there), 0)
        known = set(there) | self.accepted
        lost = max(len(missing) - given_up, 0)
        unknown = len(self.offered - known)
        return Verdict(len(self.offered), len(self.accepted), len(there), given_up, lost, unknown, twice)

    def history(self) -> str:
        """A digest of every fact that was told, where and when."""
        digest: str = self._seen.hexdigest()
        return digest

    def _dress(self, node: NodeId) -> None:
        if self.wrap is not None:
            tools = self.drive(node).tools
            tools.disk = self.wrap(self, node, tools.disk)

    def _hear(self, node: NodeId, body: Any) -> None:
        self._seen.update(repr((self.world.now_s(), node, body)).encode())
        match body:
            case Accepted(sample) if self.world.fleet.zone(node) is Zone.DEVICE:
                self.accepted.add(sample)
            case Missed():
                self.gaps.append((node, body))


def _deliver(drive: Drive) -> Deliver:
    flow = drive.slots["Deliver/"].flow
    assert isinstance(flow, Deliver)
    return flow


def begin(
    seed: int, made: Fleet, policy: Policy | None = None, wrap: Callable[[Story, NodeId, Disk], Disk] | None = None
) -> Story:
    """Everybody runs, nothing is wrong yet."""
    sources = {str(node.id): dict[str, Source]() for node in made.at(Zone.DEVICE)}
    setup = Setup(made, policy or Policy(kept_samples=ALL_KEPT), "", sources)
    story = Story(simulate(setup, seed, Project(), Runner(Watch()), Engine), wrap)
    story.world.rest(1.0)
    return story


def trouble(story: Story, seed: int, number: int, over_s: float) -> list[tuple[float, Callable[[], None]]]:
    """Power cuts and broken links, of anybody, at any time, for any while: when, and what."""
    chance, start_s = stream(seed, "trouble"), story.world.now_s()
    nodes = [node.id for node in story.world.fleet.nodes]
    agenda: list[tuple[float, Callable[[], None]]] = []
    for _ in range(number):
        victim = nodes[int(chance.integers(len(nodes)))]
        at_s = start_s + over_s * float(chance.random())
        back_s = at_s + float(chance.exponential(2.0))
        links = victim != CLOUD and chance.random() < 0.5
        harm, mend = (story.part, story.mend) if links else (story.kill, story.start)
        agenda += [(at_s, lambda harm=harm, victim=victim: harm(victim))]  # type: ignore[misc]
        agenda += [(back_s, lambda mend=mend, victim=victim: mend(victim))]  # type: ignore[misc]
    return agenda


def traffic(story: Story, seed: int, rate_hz: float, over_s: float) -> list[tuple[float, Callable[[], None]]]:
    """Samples of every device at random times."""
    chance, start_s = stream(seed, "traffic"), story.world.now_s()
    devices = [node.id for node in story.world.fleet.at(Zone.DEVICE)]
    times = [(float(at), device) for device in devices for at in chance.random(int(rate_hz * over_s)) * over_s]
    return [(start_s + at_s, lambda device=device: story.offer(device)) for at_s, device in times]  # type: ignore[misc]


def play(story: Story, agenda: list[tuple[float, Callable[[], None]]]) -> None:
    """Does everything at its time."""
    for at_s, do in sorted(agenda, key=lambda item: item[0]):
        story.world.rest(max(at_s - story.world.now_s(), 0.0))
        do()
