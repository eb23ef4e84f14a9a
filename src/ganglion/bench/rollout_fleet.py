"""Some sites in either world, releases of any version, and what can happen to a roll-out on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..core.blob import tensors_to_bytes
from ..core.facts import Answered, Arrived
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import PUBLIC_UPDATE, Tier, Zone
from ..core.plan import Goal
from ..core.ports import Disk
from ..core.profile import Profile, StageTime
from ..flow.install.node import Install
from ..flow.job.cloud import Job
from ..flow.job.messages import JobOver, Order
from ..flow.rollout.cloud import Rollout
from ..flow.rollout.messages import RolledOut
from ..flow.rollout.rule import Rule
from ..flow.sense.messages import Stream
from ..node.tools import Policy
from ..project import Source
from ..run import Setup, World
from .rollout_model import examples, version

CLOUD = NodeId("cloud")
RATE_HZ, DEADLINE_S = 20.0, 1.0
PATIENCE_S, SOAK_S = 60.0, 2.0
SETTLE_S = 400.0
SMALL_BYTES = 600  # memory of the device of the last site: a large version does not fit
POLICY = Policy(
    goal=Goal(risk=0.05, far_share=0.2),
    mix=((Tier.PUBLIC, 1.0),),
    wanted_labels=10**9,  # nothing is learnt here: every release is one of the bench's own
    label_delay_s=0.5,
    trial_inputs=150,
    patience_s=30.0,
)


def sites(count: int) -> tuple[tuple[NodeId, ...], tuple[NodeId, ...]]:
    """The edges, and the device of each."""
    places = range(1, count + 1)
    return tuple(NodeId(f"edge-{place}") for place in places), tuple(NodeId(f"device-{place}") for place in places)


def rules(
    shadow: bool = True, soak_s: float = SOAK_S, error: float = 0.0, patience_s: float = PATIENCE_S
) -> tuple[Rule, ...]:
    """Shadow, canary, share, fleet. `error` is for the rings after the canary; at 0 any site's no ends it."""
    canary = Rule("canary", shadow, least=1, soak_s=soak_s, patience_s=patience_s)
    others = (Rule(name, error=error, soak_s=soak_s, patience_s=patience_s) for name in ("share", "fleet"))
    return (canary, *others)


def setup(seed: int, count: int, spec: str, small_bytes: int | None, moved: NodeId | None = None) -> Setup:
    """So many sites and what their devices see; one site's world may have moved."""
    wifi, lte = Link("wifi", 2.5e6, 5e6, 0.003, 0.001), Link("lte", 1.25e6, 5e6, 0.04, 0.004)
    edges, devices = sites(count)
    nodes, links, sources = [Node(CLOUD, Zone.CLOUD)], list[tuple[NodeId, Link]](), {}
    for place, (edge, device) in enumerate(zip(edges, devices, strict=True)):
        memory_bytes = small_bytes if edge == edges[-1] else None
        nodes += [Node(edge, Zone.EDGE, CLOUD), Node(device, Zone.DEVICE, edge, 4.0, memory_bytes)]
        links += [(edge, lte), (device, wifi)]
        seen = examples(1000 * (seed + 1) + place, 2000, moved=edge == moved)
        sources[str(device)] = {"site": Source(seen.x, seen.y, seen.y * 0)}
    times = tuple(StageTime(first, last, 1e-5, 2e-5) for first, last in ((0, 1), (0, 2), (1, 2)))
    profiles = {int(zone): Profile("", "declared", "numpy", 1, "any", "declared", times) for zone in Zone}
    return Setup(Fleet(tuple(nodes), tuple(links)), POLICY, spec, sources, label_share=0.9, profiles=profiles)


class Look(Protocol):
    """How one of the two worlds is looked into, by whoever watches."""

    def disk(self, node: NodeId) -> Disk: ...
    def flow(self, node: NodeId, name: str) -> Any: ...  # as the node has it; None where there is none, or no node
    def release(self, node: NodeId) -> int: ...  # that it answers with; 0 = none
    def waiting(self, node: NodeId) -> int: ...  # parcels promised and not acknowledged
    def stored_bytes(self, node: NodeId) -> int: ...  # in its blobs
    def step(self) -> None: ...  # to the next event, or for a moment
    def born(self, node: NodeId) -> None: ...  # a node has begun a life


@dataclass
class Story:
    """A world, what was done to it, and what came of it."""

    world: World
    look: Look
    edges: tuple[NodeId, ...]
    devices: tuple[NodeId, ...]
    rings: tuple[tuple[NodeId, ...], ...]  # canary, a share, the fleet
    killed: list[tuple[float, NodeId]] = field(default_factory=list)
    senses: bool = False
    _first: int = 0
    _sorted: dict[type, list[tuple[float, NodeId, Any]]] = field(default_factory=dict)
    _read: int = 0  # facts that are sorted

    def told(self, kind: type) -> list[tuple[float, NodeId, Any]]:
        """Facts of one kind, exactly. Each fact is looked at once, however often this is asked."""
        facts = self.world.facts
        while self._read < len(facts):
            self._sorted.setdefault(type(facts[self._read][2]), []).append(facts[self._read])
            self._read += 1
        return self._sorted.get(kind, [])

    def kill(self, node: NodeId) -> None:
        """A power cut in the simulator: what its disk has not written is gone; kill -9 of a process."""
        self.killed.append((self.world.now_s(), node))
        self.world.kill(node)

    def start(self, node: NodeId) -> None:
        """Its next life."""
        self.world.start(node)
        self.look.born(node)
        if self.senses and node in self.devices:
            self.sense((node,))

    def sense(self, devices: tuple[NodeId, ...] = (), rate_hz: float = RATE_HZ) -> None:
        """From now on; no number of a sample comes twice."""
        self.senses = True
        self._first += 1_000_000
        for device in devices or self.devices:
            self.world.tell(device, Stream("site", 0, rate_hz, first=self._first))

    def until(self, true: Callable[[], bool], most_s: float, step_s: float = 0.5) -> bool:
        """Lets time pass until something holds; whether it does."""
        end_s = self.world.now_s() + most_s
        while not true() and self.world.now_s() < end_s:
            self.world.rest(step_s)
        return true()

    def at(self, true: Callable[[], bool], most_s: float) -> bool:
        """As `until`, to the very event after which it holds, or as near to it as the world allows."""
        end_s = self.world.now_s() + most_s
        while not (holds := true()) and self.world.now_s() < end_s:
            self.look.step()
        return holds

    def begin(self, number: int, kind: str, by: tuple[Rule, ...]) -> None:
        """A release of that version is made and goes out."""
        weights = self.look.disk(CLOUD).put([tensors_to_bytes(version(kind))], PUBLIC_UPDATE)
        self.world.begin(CLOUD, Job(number, Order(kind, weights), self.rings, rules=by))

    def over(self, number: int) -> RolledOut | None:
        """How a roll-out ended."""
        return next((body for _, _, body in self.told(RolledOut) if body.counter == number), None)

    def release(self, number: int, kind: str, by: tuple[Rule, ...] = ()) -> bool:
        """Goes out to its end; whether it was kept."""
        self.begin(number, kind, by or rules())
        self.until(lambda: any(body.number == number for _, _, body in self.told(JobOver)), SETTLE_S)
        self.world.rest(2.0)
        ended = self.over(number)
        return ended is not None and ended.kept

    def rollout(self, number: int) -> Rollout | None:
        """Where a roll-out stands, as the cloud has it; None before it begins, and while the cloud is dead."""
        flow = self.look.flow(CLOUD, f"Rollout/{number}")
        return flow if isinstance(flow, Rollout) else None

    def install(self, node: NodeId) -> Install:
        """Where a node stands. Raises LookupError where it does not run."""
        flow = self.look.flow(node, "Install/")
        if not isinstance(flow, Install):
            raise LookupError(f"{node} does not run now; start it first")
        return flow

    def answering(self) -> set[int]:
        """The releases that nodes answer with."""
        return {self.look.release(node) for node in (*self.edges, *self.devices)}

    def settled(self) -> bool:
        """Every node says that its roll-outs are over, and no promised parcel waits."""
        below = (*self.edges, *self.devices)
        idle = all(self.install(node).phase.name == "IDLE" for node in below)
        return idle and not any(self.look.waiting(node) for node in (CLOUD, *below))

    def failed(self) -> int:
        """Requests of devices that lived on and that got no answer, none in time, or one that is no class."""
        answers = {body.answer.sample: body for _, _, body in self.told(Answered)}
        now_s, count = self.world.now_s(), 0
        for at_s, node, body in self.told(Arrived):
            died = any(node == dead and at_s <= when_s <= at_s + 2.0 for when_s, dead in self.killed)
            answer = answers.get(body.sample.id)
            late = answer is None or answer.took_s > 2 * DEADLINE_S
            wrong = late or (answer is not None and answer.answer.y < 0)
            count += wrong and not died and at_s < now_s - 2.0
        return count

    def open(self, first: str) -> None:
        """Nothing wrong yet. With `first`, a release of that version is committed everywhere and devices sense."""
        self.world.rest(1.0)
        if first:
            if not self.release(1, first):
                raise LookupError(f"the first release was not kept: {[body.why for *_, body in self.told(JobOver)]}")
            self.sense()
            self.world.rest(1.0)
