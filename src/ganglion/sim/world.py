"""A whole fleet in one process: our own node code, started, crashed, cut and watched on a virtual clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..core.errors import NotFound, Unreachable
from ..core.fleet import Fleet, Node, NodeId
from ..core.ports import Disk, Tell
from ..core.process import Event
from ..core.ref import Ref
from ..core.rng import stream
from ..node.carry import Carrier, attempt
from ..node.drive import Drive, World
from ..node.numbers import numbered
from ..node.runs import Row, Runs
from ..node.tools import Tools
from .disk import Platter, SimDisk
from .heap import Heap, SimClock
from .net import NOTICE_S, RETURN_S, SimNet, Wires


class SimRng:
    """Random numbers by name, secrets too: a simulated world repeats itself byte for byte."""

    def __init__(self, seed: int, node: NodeId) -> None:
        self._seed = seed
        self._node = node
        self._secrets = 0

    def stream(self, *key: str | int) -> Any:
        """Numbers that depend on the key alone."""
        return stream(self._seed, *key)

    def secret(self, size_bytes: int) -> bytes:
        """Seeded here, and only here."""
        self._secrets += 1
        return stream(self._seed, "secret", self._node, self._secrets).bytes(size_bytes)


@dataclass
class SimWorkers:
    """Work away from the node's thread: done after its declared cost, unless the node crashes first."""

    tools: Tools
    rows: Mapping[type, Row]
    heap: Heap
    alive: Callable[[], bool]
    cost_s: Callable[[Any, Node], float]
    gone: set[str] = field(default_factory=set)

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Carries it out when its time has passed."""
        self.gone.discard(name)
        node = self.tools.fleet.node(self.tools.me)

        def finish() -> None:
            if self.alive() and name not in self.gone:
                tell(attempt(name, work, self.tools, self.rows))

        self.heap.push(self.heap.now_s() + self.cost_s(work, node), finish)

    def cancel(self, name: str) -> None:
        """Gives it up."""
        self.gone.add(name)


@dataclass(frozen=True)
class Recipe:
    """What nodes of a simulated world are made of."""

    tools: Callable[[Node, Disk, SimRng], Tools]
    runs: Callable[[Node], Sequence[Runs]]
    inline_s: Callable[[Any, Event, Node], float]  # declared seconds of small work and what came of it
    behind_s: Callable[[Any, Node], float]  # declared seconds of work away from the node's thread


@dataclass
class SimNode:
    """A machine: its platter stays, its lives come and go."""

    platter: Platter
    life: int = 0
    disk: SimDisk | None = None
    drive: Drive | None = None


class SimFleet:
    """The simulated world, as `run.World` wants it."""

    def __init__(self, wires: Wires, recipe: Recipe, seed: int) -> None:
        self.wires = wires
        self.fleet: Fleet = wires.fleet
        self.heap = wires.heap
        self.facts: list[tuple[float, NodeId, Any]] = []
        self.listeners: list[Callable[[NodeId, Any], None]] = []  # told every fact as it happens
        self.nodes = {node.id: SimNode(Platter(f"{seed}:{node.id}")) for node in self.fleet.nodes}
        self._recipe = recipe
        self._seed = seed

    def now_s(self) -> float:
        """Virtual seconds."""
        return self.heap.now_s()

    def start(self, id: NodeId) -> None:
        """Boots a node from what its platter holds."""
        sim, node = self.nodes[id], self.fleet.node(id)
        sim.life += 1
        life = sim.life
        alive: Callable[[], bool] = lambda: sim.life == life  # noqa: E731
        sim.disk = disk = SimDisk(sim.platter, self.heap, alive)
        clock = SimClock(self.heap, alive)
        tools = self._recipe.tools(node, disk, SimRng(self._seed, id))
        runs = self._recipe.runs(node)
        rows = {work: row for flow in runs for work, row in flow.work.items()}
        behind = SimWorkers(tools, rows, self.heap, alive, self._recipe.behind_s)
        inline_s: Callable[[Any, Event], float] = lambda work, event: self._recipe.inline_s(work, event, node)  # noqa: E731
        carrier = Carrier(tools, rows, clock, behind, node.slowdown, inline_s)
        world = World(clock, SimNet(id, self.wires), carrier, lambda body: self._observe(id, body))
        sim.drive = Drive(tools, world, runs, sim.platter.incarnation)
        self.wires.deliver[id] = sim.drive.hear
        sim.drive.boot()
        for lower in self._links(id):
            self._announce(lower, RETURN_S)

    def kill(self, id: NodeId) -> None:
        """kill -9, or its power: what was not synced is gone, but for what has landed, and so is all in flight."""
        sim = self.nodes[id]
        if sim.disk is not None:
            sim.disk.crash(stream(self._seed, "power", id, sim.life), self.wires.faults.landed)
        sim.life += 1
        sim.drive = None
        self.wires.deliver.pop(id, None)
        for lower in self._links(id):
            self.wires.broke(lower, towards=id if self.wires.faults.landed else None)
            self._announce(lower, NOTICE_S)

    def cut(self, lower: NodeId) -> None:
        """Breaks the link above a node."""
        self.wires.cut.add(lower)
        self.wires.broke(lower)
        self._announce(lower, NOTICE_S)

    def mend(self, lower: NodeId) -> None:
        """Repairs it."""
        self.wires.cut.discard(lower)
        self._announce(lower, RETURN_S)

    def tell(self, id: NodeId, body: Any) -> None:
        """A fact from the node's operator or sensor."""
        drive = self.nodes[id].drive
        if drive is None:
            raise Unreachable(f"node {id} is not running; start it first")
        drive.tell(body)

    def begin(self, id: NodeId, flow: Any) -> str:
        """The node's operator starts a process; the key that it runs under."""
        drive = self.nodes[id].drive
        if drive is None:
            raise Unreachable(f"node {id} is not running; start it first")
        flow = numbered(flow, drive.tools)
        drive.start(flow)
        return str(flow.key)

    def wait(self, wanted: Callable[[NodeId, Any], bool], timeout_s: float, since: int = 0) -> Any:
        """Lets time pass until a fact is told that is wanted; facts before number `since` do not count."""
        until_s, seen = self.heap.now_s() + timeout_s, since
        while True:
            while seen < len(self.facts):
                _, node, body = self.facts[seen]
                seen += 1
                if wanted(node, body):
                    return body
            if self.heap.now_s() > until_s or not self.heap.step():
                raise Unreachable(f"what was waited for did not happen within {timeout_s:g} s")

    def blob(self, id: NodeId, ref: Ref) -> bytes:
        """What a node's disk holds, for whoever watches."""
        whole = self.nodes[id].platter.blobs.get(ref.digest)
        if whole is None:
            raise NotFound(f"blob {ref.digest[:12]} is not on the disk of {id}")
        return whole

    def bytes(self, lower: NodeId) -> tuple[int, int]:
        """What has crossed the link above a node so far: up, down."""
        return self.wires.bytes_up.get(lower, 0), self.wires.bytes_down.get(lower, 0)

    def rest(self, seconds: float) -> None:
        """Lets time pass."""
        self.heap.run(self.heap.now_s() + seconds)

    def _observe(self, id: NodeId, body: Any) -> None:
        self.facts.append((self.heap.now_s(), id, body))
        for listener in self.listeners:
            listener(id, body)

    def _links(self, id: NodeId) -> list[NodeId]:
        own = [id] if self.fleet.node(id).parent is not None else []
        return own + [child.id for child in self.fleet.children(id)]

    def _announce(self, lower: NodeId, after_s: float) -> None:
        """Tells both ends of a link, a little later, whether it is up then."""
        upper = self.fleet.node(lower).parent
        assert upper is not None

        def say() -> None:
            for me, peer in ((lower, upper), (upper, lower)):
                drive = self.nodes[me].drive
                if drive is not None:
                    drive.linked(peer, self.wires.is_up(lower, upper))

        self.heap.push(self.heap.now_s() + after_s, say)
