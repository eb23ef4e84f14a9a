"""A simulated fleet for federated jobs: the real flows of every place, declared costs, faults as anybody likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import Unreachable
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import Zone
from ..core.ports import Disk
from ..core.ports import Engine as Learns
from ..core.rng import stream
from ..flow.round.messages import TrainLocally
from ..flow.train.messages import Progress, TrainOver
from ..node.bodies import make_codec
from ..node.drive import Drive
from ..node.places import PLACES
from ..node.runs import Runs
from ..node.tools import Policy, Tools, Tray
from ..node.tools import Project as Learnable
from ..sim.faults import NONE, Faults
from ..sim.heap import Heap
from ..sim.net import Wires
from ..sim.world import Recipe, SimFleet, SimRng
from .fl_model import Engine, Project

CLOUD = NodeId("cloud")
LTE, WIFI = Link("lte", 1.25e6, 5e6, 0.02, 0.004), Link("wifi", 2.5e6, 5e6, 0.003, 0.001)
WORST = Faults(loss=0.05, duplicate=0.1, reorder=0.1, reorder_s=0.5, landed=0.5)
JOBS = ("Train", "Buffer", "Round", "Learner", "Relay", "Depot", "Fetch", "Give")
DEALT = 5  # seed of the deal
TRAIN_S, ELSE_S = 0.3, 0.02  # declared: a share of a round, any other work behind a node's thread
Cost = Callable[[Any, Node], float]


def edges(count: int, link: Link = LTE) -> Fleet:
    """A cloud and its clients."""
    names = [NodeId(f"edge-{place:0{len(str(count))}d}") for place in range(1, count + 1)]
    nodes = (Node(CLOUD, Zone.CLOUD), *(Node(name, Zone.EDGE, CLOUD) for name in names))
    return Fleet(nodes, tuple((name, link) for name in names))


def tree(sites: int, devices: int) -> Fleet:
    """A cloud, aggregators, and clients below each."""
    nodes, links = list(edges(sites).nodes), list(edges(sites).links)
    for edge in [node.id for node in nodes if node.zone is Zone.EDGE]:
        below = [NodeId(f"{edge.replace('edge', 'device')}-{number}") for number in range(1, devices + 1)]
        nodes += [Node(device, Zone.DEVICE, edge) for device in below]
        links += [(device, WIFI) for device in below]
    return Fleet(tuple(nodes), tuple(links))


def flat_of(fleet: Fleet) -> Fleet:
    """The same devices, each at the end of a link of its own, without anybody in between."""
    devices = [node.id for node in fleet.at(Zone.DEVICE)]
    nodes = (Node(CLOUD, Zone.CLOUD), *(Node(one, Zone.DEVICE, CLOUD) for one in devices))
    return Fleet(nodes, tuple((one, LTE) for one in devices))


def usual_cost(work: Any, node: Node) -> float:
    """Training takes a while, everything else a moment."""
    return TRAIN_S * node.slowdown if isinstance(work, TrainLocally) else ELSE_S


@dataclass
class Story:
    """A world, who is dead in it, and which links are cut."""

    world: SimFleet
    down: set[NodeId] = field(default_factory=set)
    cut: set[NodeId] = field(default_factory=set)
    killed: list[NodeId] = field(default_factory=list)

    def told(self, kind: type) -> list[Any]:
        """Facts of one kind, each once: what a crash makes a node tell again is the same."""
        return list(dict.fromkeys(body for _, _, body in self.world.facts if isinstance(body, kind)))

    def drive(self, node: NodeId) -> Drive:
        """Of a living node. Raises LookupError for a dead one."""
        drive = self.world.nodes[node].drive
        if drive is None:
            raise LookupError(f"{node} does not run now; start it first")
        return drive

    def kill(self, node: NodeId) -> None:
        """kill -9 with a power cut, unless it is dead."""
        if node not in self.down:
            self.down.add(node)
            self.killed.append(node)
            self.world.kill(node)

    def start(self, node: NodeId) -> None:
        """Its next life."""
        if node in self.down:
            self.down.discard(node)
            self.world.start(node)

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
        """Everybody lives, every link is whole and loses nothing."""
        self.world.wires.faults = NONE
        for node in sorted(self.down):
            self.start(node)
        for lower in sorted(self.cut):
            self.mend(lower)

    def over(self, most_s: float = 3600.0) -> TrainOver | None:
        """How the job ended, within so many virtual seconds."""
        try:
            over: TrainOver = self.world.wait(lambda node, body: isinstance(body, TrainOver), most_s)
        except Unreachable:
            return None
        return over

    def curve(self) -> list[Progress]:
        """Where the job stood after each step."""
        return self.told(Progress)


def begin(
    fleet: Fleet,
    seed: int,
    cost: Cost = usual_cost,
    project: Learnable | None = None,
    lean: bool = False,
    engine: Callable[[Disk], Learns] = Engine,
) -> Story:
    """Every node runs, nothing is wrong yet. The seed is the links'; who holds which examples stays.

    `lean`: only the flows that a job needs, so that hours pass quickly.
    """
    codec, made = make_codec(), project or PROJECT
    wires = Wires(fleet, Heap(), codec, stream(seed, "links"))

    def tools(node: Node, disk: Disk, rng: SimRng) -> Tools:
        unused: Any = None  # nothing is signed, sealed or inferred here
        return Tools(node.id, fleet, disk, rng, unused, codec, Tray(node.id), unused, Policy(), engine(disk), made)

    def runs(node: Node) -> list[Runs]:
        return [row for row in PLACES[node.zone] if not lean or row.flow.__name__ in JOBS]

    world = SimFleet(wires, Recipe(tools, runs, lambda work, event, node: 0.0, cost), DEALT)
    for node in sorted(fleet.nodes, key=lambda node: -node.zone):
        world.start(node.id)
    world.rest(1.0)
    return Story(world)


PROJECT = Project()


def trouble(story: Story, seed: int, number: int, over_s: float) -> None:
    """Kills and cuts, of anybody, at any time, for any while, one over the other."""
    chance, start_s = stream(seed, "fl trouble"), story.world.now_s()
    nodes = [node.id for node in story.world.fleet.nodes]
    agenda: list[tuple[float, int, Callable[[NodeId], None], NodeId]] = []
    for turn in range(number):
        victim = nodes[int(chance.integers(len(nodes)))]
        at_s = start_s + over_s * float(chance.random())
        back_s = at_s + float(chance.exponential(1.0))
        cuts = victim != CLOUD and chance.random() < 0.4
        harm, mend = (story.part, story.mend) if cuts else (story.kill, story.start)
        agenda += [(at_s, turn, harm, victim), (back_s, turn, mend, victim)]
    for at_s, _, do, victim in sorted(agenda, key=lambda item: item[:2]):
        story.world.rest(max(at_s - story.world.now_s(), 0.0))
        do(victim)
