"""Five sites in the simulator, releases of any version, and what can happen to a roll-out on its way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..core.blob import tensors_to_bytes
from ..core.facts import Answered, Arrived
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import PUBLIC_UPDATE, Tier, Zone
from ..core.plan import Goal
from ..core.profile import Profile, StageTime
from ..flow.install.node import Install
from ..flow.job.cloud import Job
from ..flow.job.messages import JobOver, Order
from ..flow.rollout.cloud import Rollout
from ..flow.rollout.messages import RolledOut
from ..flow.rollout.rule import Rule
from ..flow.sense.messages import Stream
from ..node.loaded import ACTIVE
from ..node.tools import Policy
from ..project import Source
from ..run import Setup, simulate
from ..sim.world import SimFleet
from .rollout_model import Engine, Project, Runner, Watch, examples, version

CLOUD = NodeId("cloud")
EDGES = tuple(NodeId(f"edge-{place}") for place in range(1, 6))
DEVICES = tuple(NodeId(f"device-{place}") for place in range(1, 6))
RINGS = (EDGES[:1], EDGES[1:2], EDGES[2:])  # canary, a share, the fleet
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


def rules(
    shadow: bool = True, soak_s: float = SOAK_S, error: float = 0.0, patience_s: float = PATIENCE_S
) -> tuple[Rule, ...]:
    """Shadow, canary, share, fleet. `error` is for the rings after the canary; at 0 any site's no ends it."""
    canary = Rule("canary", shadow, least=1, soak_s=soak_s, patience_s=patience_s)
    others = (Rule(name, error=error, soak_s=soak_s, patience_s=patience_s) for name in ("share", "fleet"))
    return (canary, *others)


def setup(seed: int, moved: NodeId | None = None) -> Setup:
    """What the devices see; one site's world may have moved."""
    wifi, lte = Link("wifi", 2.5e6, 5e6, 0.003, 0.001), Link("lte", 1.25e6, 5e6, 0.04, 0.004)
    nodes, links = [Node(CLOUD, Zone.CLOUD)], list[tuple[NodeId, Link]]()
    for edge, device in zip(EDGES, DEVICES, strict=True):
        small = SMALL_BYTES if edge == EDGES[-1] else None
        nodes += [Node(edge, Zone.EDGE, CLOUD), Node(device, Zone.DEVICE, edge, 4.0, small)]
        links += [(edge, lte), (device, wifi)]
    sources = {}
    for place, (edge, device) in enumerate(zip(EDGES, DEVICES, strict=True)):
        seen = examples(1000 * (seed + 1) + place, 2000, moved=edge == moved)
        sources[str(device)] = {"site": Source(seen.x, seen.y, seen.y * 0)}
    times = tuple(StageTime(first, last, 1e-5, 2e-5) for first, last in ((0, 1), (0, 2), (1, 2)))
    profiles = {int(zone): Profile("", "declared", "numpy", 1, "any", "declared", times) for zone in Zone}
    return Setup(Fleet(tuple(nodes), tuple(links)), POLICY, "", sources, label_share=0.9, profiles=profiles)


@dataclass
class Story:
    """A world, what was done to it, and what came of it."""

    world: SimFleet
    watch: Watch
    killed: list[tuple[float, NodeId]] = field(default_factory=list)
    senses: bool = False
    _first: int = 0

    def told(self, kind: type) -> list[tuple[float, NodeId, Any]]:
        """Facts of one kind."""
        return [fact for fact in self.world.facts if isinstance(fact[2], kind)]

    def kill(self, node: NodeId) -> None:
        """A power cut: what its disk has not written is gone."""
        self.killed.append((self.world.now_s(), node))
        self.world.kill(node)

    def start(self, node: NodeId) -> None:
        """Its next life."""
        self.world.start(node)
        self.tools(node).stopwatch = self.watch
        if self.senses and node in DEVICES:
            self.sense((node,))

    def tools(self, node: NodeId) -> Any:
        """Of its life."""
        return self.flows(node).tools

    def flows(self, node: NodeId) -> Any:
        """What drives it. Raises LookupError where it does not run."""
        drive = self.world.nodes[node].drive
        if drive is None:
            raise LookupError(f"{node} does not run now; start it first")
        return drive

    def sense(self, devices: tuple[NodeId, ...] = DEVICES, rate_hz: float = RATE_HZ) -> None:
        """From now on; no number of a sample comes twice."""
        self.senses = True
        self._first += 1_000_000
        for device in devices:
            self.world.tell(device, Stream("site", 0, rate_hz, first=self._first))

    def until(self, true: Callable[[], bool], most_s: float, step_s: float = 0.5) -> bool:
        """Lets time pass until something holds; whether it does."""
        end_s = self.world.now_s() + most_s
        while not true() and self.world.now_s() < end_s:
            self.world.rest(step_s)
        return true()

    def at(self, true: Callable[[], bool], most_s: float) -> bool:
        """As `until`, to the very event after which it holds."""
        end_s = self.world.now_s() + most_s
        while not true() and self.world.now_s() < end_s:
            self.world.heap.step()
        return true()

    def begin(self, number: int, kind: str, by: tuple[Rule, ...]) -> None:
        """A release of that version is made and goes out."""
        weights = self.tools(CLOUD).disk.put([tensors_to_bytes(version(kind))], PUBLIC_UPDATE)
        self.world.begin(CLOUD, Job(number, Order(kind, weights), RINGS, rules=by))

    def over(self, number: int) -> RolledOut | None:
        """How a roll-out ended."""
        return next((body for _, _, body in self.told(RolledOut) if body.counter == number), None)

    def release(self, number: int, kind: str, by: tuple[Rule, ...] = ()) -> bool:
        """Goes out to its end; whether it was kept."""
        self.begin(number, kind, by or rules())
        self.until(lambda: self.over(number) is not None, SETTLE_S)
        self.world.rest(2.0)
        ended = self.over(number)
        return ended is not None and ended.kept

    def rollout(self, number: int) -> Rollout | None:
        """Where a roll-out stands, as the cloud has it; None before it begins, and while the cloud is dead."""
        drive = self.world.nodes[CLOUD].drive
        slot = None if drive is None else drive.slots.get(f"Rollout/{number}")
        return None if slot is None or not isinstance(slot.flow, Rollout) else slot.flow

    def install(self, node: NodeId) -> Install:
        """Where a node stands."""
        flow = self.flows(node).slots["Install/"].flow
        assert isinstance(flow, Install)
        return flow

    def answering(self) -> set[int]:
        """The releases that nodes answer with."""
        return {int(self.tools(node).loaded.get(ACTIVE, 0)) for node in (*EDGES, *DEVICES)}

    def settled(self) -> bool:
        """Every node says that its roll-outs are over, and no promised parcel waits."""
        idle = all(self.install(node).phase.name == "IDLE" for node in (*EDGES, *DEVICES))
        return idle and not any(self.flows(node).post.outbox.waiting for node in (CLOUD, *EDGES, *DEVICES))

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


def world(seed: int, moved: NodeId | None = None, first: str = "fair") -> Story:
    """Nothing wrong yet. With `first`, a release of that version is committed everywhere and every device senses."""
    watch = Watch()
    story = Story(simulate(setup(seed, moved), seed, Project(), Runner(watch), Engine), watch)
    for node in (CLOUD, *EDGES, *DEVICES):
        story.tools(node).stopwatch = watch
    story.world.rest(1.0)
    if first:
        if not story.release(1, first):
            raise LookupError(f"the first release was not kept: {[body.why for *_, body in story.told(JobOver)]}")
        story.sense()
        story.world.rest(1.0)
    return story
