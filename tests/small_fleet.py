"""A fleet of seven nodes with the real places, and a story of troubles for it; no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganglion.core.facts import Answered, Arrived
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Tier, Zone
from ganglion.core.plan import Goal
from ganglion.core.profile import Profile, StageTime
from ganglion.core.rng import stream
from ganglion.flow.job.cloud import Job
from ganglion.flow.job.messages import JobOver, Order
from ganglion.flow.sense.messages import Stream
from ganglion.node.tools import Policy
from ganglion.project import Source
from ganglion.protect import Consent
from ganglion.run import Setup, simulate
from ganglion.sim.faults import NONE, Faults
from ganglion.sim.world import SimFleet
from linear import FEATURES, Engine, Project, Runner, examples

CLOUD = NodeId("cloud")
SITES = {NodeId("edge-a"): (NodeId("a1"), NodeId("a2")), NodeId("edge-b"): (NodeId("b1"), NodeId("b2"))}
EDGES, DEVICES = tuple(SITES), tuple(device for site in SITES.values() for device in site)
NODES = (CLOUD, *EDGES, *DEVICES)
RINGS = ((EDGES[0],), (EDGES[1],))
RATE_HZ = 4.0
AWAY = 2.0 * stream(0, "away").normal(size=FEATURES).astype(np.float32)  # how far a site's world moves
WORST = Faults(loss=0.02, duplicate=0.1, reorder=0.1, reorder_s=0.5)
POLICY = Policy(
    goal=Goal(risk=0.05, far_share=0.2),
    wanted_labels=40,
    least_labels=10,
    label_delay_s=0.5,
    trial_inputs=60,
    kept_samples=200,
    patience_s=30.0,
    mechanism=Consent("owner of the site", "improve the shared model"),
)


def fleet() -> Fleet:
    """A device holds the first exit alone, an edge both."""
    nodes, links = [Node(CLOUD, Zone.CLOUD)], list[tuple[NodeId, Link]]()
    wifi, lte = Link("wifi", 2.5e6, 5e6, 0.003, 0.001), Link("lte", 1.25e6, 5e6, 0.04, 0.004)
    for edge, devices in SITES.items():
        nodes.append(Node(edge, Zone.EDGE, CLOUD))
        links.append((edge, lte))
        nodes += [Node(device, Zone.DEVICE, edge, 4.0, 150) for device in devices]
        links += [(device, wifi) for device in devices]
    return Fleet(tuple(nodes), tuple(links))


def setup(seed: int) -> Setup:
    """What the devices see: three tiers, and none of it public enough to be trained on."""
    sources: dict[str, dict[str, Source]] = {}
    for place, device in enumerate(DEVICES):
        seen, chance = examples(100 + 10 * seed + place, 300), stream(seed, "tiers", device)
        tiers = chance.choice([int(tier) for tier, _ in POLICY.mix], len(seen), p=[share for _, share in POLICY.mix])
        sources[device] = {
            "mixed": Source(seen.x, seen.y, tiers.astype(np.int64)),
            "moved": Source(seen.x + AWAY, seen.y, tiers.astype(np.int64)),
        }
    times = tuple(StageTime(first, last, 1e-5, 2e-5) for first, last in ((0, 1), (0, 2), (1, 2)))
    profiles = {int(zone): Profile("", "declared", "linear", 1, "any", "declared", times) for zone in Zone}
    return Setup(fleet(), POLICY, "", sources, label_share=0.9, profiles=profiles)


@dataclass
class Story:
    """A world, and who was dead when."""

    world: SimFleet
    killed: list[tuple[float, NodeId]] = field(default_factory=list)
    down: set[NodeId] = field(default_factory=set)
    cut: set[NodeId] = field(default_factory=set)
    source: dict[NodeId, str] = field(default_factory=dict)
    _first: dict[NodeId, int] = field(default_factory=dict)

    def told(self, kind: type) -> list[tuple[float, NodeId, Any]]:
        """Facts of one kind."""
        return [fact for fact in self.world.facts if isinstance(fact[2], kind)]

    def stream(self, device: NodeId, source: str) -> None:
        """From now on the device senses this; "" ends it. No number comes twice."""
        self.source[device] = source
        self._first[device] = self._first.get(device, 0) + 100_000
        self.world.tell(device, Stream(source, 0, RATE_HZ, first=self._first[device]))

    def kill(self, node: NodeId) -> None:
        """kill -9, unless it is dead."""
        if node not in self.down:
            self.down.add(node)
            self.killed.append((self.world.now_s(), node))
            self.world.kill(node)

    def start(self, node: NodeId) -> None:
        """Its next life; a device's operator starts its stream again."""
        if node in self.down:
            self.down.discard(node)
            self.world.start(node)
            if self.source.get(node):
                self.stream(node, self.source[node])

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

    def rest_until(self, true: Callable[[], bool], most_s: float) -> bool:
        """Lets time pass until something holds; whether it does."""
        for _ in range(int(most_s)):
            if true():
                return True
            self.world.rest(1.0)
        return true()


def begin(seed: int) -> Story:
    """Seven nodes and their links, nothing wrong yet."""
    story = Story(simulate(setup(seed), seed, Project(), Runner(), Engine))
    story.world.rest(1.0)
    return story


def first_release(story: Story) -> None:
    """Trained, packaged and rolled out; every device senses."""
    story.world.begin(CLOUD, Job(1, Order("first release"), RINGS))
    assert story.rest_until(lambda: bool(story.told(JobOver)), 300.0), "the first release did not go out"
    for device in DEVICES:
        story.stream(device, "mixed")


def trouble(story: Story, seed: int, number: int, over_s: float) -> None:
    """Kills and cuts, of anybody, at any time, for any while, one over the other."""
    chance, start_s = stream(seed, "trouble"), story.world.now_s()
    agenda: list[tuple[float, Callable[[], None]]] = []
    for _ in range(number):
        victim = NODES[int(chance.integers(len(NODES)))]
        at_s = start_s + over_s * float(chance.random())
        back_s = at_s + float(chance.exponential(2.0))
        cuts = victim != CLOUD and chance.random() < 0.5
        harm, mend = (story.part, story.mend) if cuts else (story.kill, story.start)
        agenda += [(at_s, lambda harm=harm, victim=victim: harm(victim))]  # type: ignore[misc]
        agenda += [(back_s, lambda mend=mend, victim=victim: mend(victim))]  # type: ignore[misc]
    for at_s, do in sorted(agenda, key=lambda item: item[0]):
        story.world.rest(max(at_s - story.world.now_s(), 0.0))
        do()


def unanswered(story: Story, patience_s: float) -> list[str]:
    """Samples whose device lived on and did not answer, and samples that were answered twice."""
    answers: dict[str, int] = {}
    for _, _, body in story.told(Answered):
        answers[body.answer.sample] = answers.get(body.answer.sample, 0) + 1
    wrong = [f"{sample} answered {count} times" for sample, count in answers.items() if count > 1]
    for at_s, node, body in story.told(Arrived):
        died = any(node == dead and at_s <= when_s <= at_s + patience_s for when_s, dead in story.killed)
        if body.sample.id not in answers and not died:
            wrong.append(f"{body.sample.id} of {at_s:.2f} s never answered")
    return wrong


def is_private(sample: str, made: Setup) -> bool:
    """Whether a sample may not leave its site."""
    device, source, number = sample.split("/")
    tiers = made.sources[device][source].tiers
    return Tier(int(tiers[int(number) % len(tiers)])) is not Tier.PUBLIC
