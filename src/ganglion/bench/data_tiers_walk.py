"""A random walk over a simulated fleet with every real flow and gate: data is born, joined, derived, sent, fetched.

With a `table` of its own, a walk asks that instead of the real gates, and puts what it allows straight on the link:
then the walk is the planted hole, and whoever judges has to find it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.codec import Codec
from ..core.errors import Refused
from ..core.facts import Arrived, Denied, Hard, Seen
from ..core.fleet import Node, NodeId
from ..core.label import Form, Label, Tier, Zone
from ..core.ports import Disk, Parcel
from ..core.process import Lane, Send
from ..core.ref import Ref
from ..core.rng import stream
from ..core.sample import Answer, Sample
from ..core.tensors import Tensors
from ..core.update import Statistic, Update
from ..engine.onnx import OnnxRunner
from ..flow.deliver.messages import Hand
from ..flow.fetch.client import Fetch, Give
from ..flow.fetch.messages import Piece, Pull, Push
from ..flow.serve.messages import Ask, Mirror, Reply
from ..node.bodies import all_bodies
from ..node.places import PLACES
from ..node.tools import Tools, Tray
from ..protect import Consent, Noise, declassify
from ..run import SimVault
from ..sim.heap import Heap
from ..sim.net import Wires
from ..sim.world import Recipe, SimFleet, SimRng
from .data_tiers_courier import COURIER, Cargo, Errand, Table, Taken, fleet, permits
from .data_tiers_judge import Judge

KNOWN = 24  # references that a node keeps in mind
EACH_S = 0.02  # of virtual time between two steps


class Walk:
    """One world and its walker. `leaks` of the judge and `violations` of the simulator must stay empty."""

    def __init__(self, seed: int, table: Table | None = None) -> None:
        self.judge, self.table, self.denied, self.rng = Judge(), table, 0, stream(seed, "tiers")
        self.fleet, self._codec, self._count = fleet(), Codec([*all_bodies(), Cargo]), 0
        self.wires = Wires(self.fleet, Heap(), self._codec, stream(seed, "links"), tap=self._tap)
        recipe = Recipe(self._tools, lambda node: (*PLACES[node.zone], COURIER), _nothing, _nothing)
        self.world, self._vault = SimFleet(self.wires, recipe, seed), SimVault(seed)
        self.tools: dict[NodeId, Tools] = {}
        self.known: dict[NodeId, list[Ref]] = {node.id: [] for node in self.fleet.nodes}
        self.world.listeners.append(self._hear)
        self._nodes = [node.id for node in self.fleet.nodes]
        self._steps: tuple[tuple[float, Callable[[NodeId], None]], ...] = (
            (0.2, self._born), (0.14, self._derive), (0.03, self._declassify), (0.33, self._errand), (0.08, self._hard),
            (0.06, self._sense), (0.08, self._fetch), (0.08, self._give),
        )  # fmt: skip
        self._edges = np.cumsum([share for share, _ in self._steps])
        for name in self._nodes:
            self.world.start(name)
        self.world.rest(1.0)

    def step(self) -> None:
        """One act of one node, and a while in which it has its effects."""
        node = self._nodes[int(self.rng.integers(len(self._nodes)))]
        self._steps[min(int(np.searchsorted(self._edges, self.rng.random())), len(self._steps) - 1)][1](node)
        self.world.rest(EACH_S)
        self.world.facts.clear()

    def settle(self) -> None:
        """Lets everything under way arrive, then looks at what every node holds."""
        self.world.rest(5.0)
        for name, sim in self.world.nodes.items():
            zone, platter = self.fleet.zone(name), sim.platter
            for raw in (*platter.blobs.values(), *map(bytes, platter.parts.values())):
                self.judge.rest(name, zone, raw)
            for row in (row for rows in platter.rows.values() for row in rows.values()):
                self.judge.rest(name, zone, row.data)

    def _tools(self, node: Node, disk: Disk, rng: SimRng) -> Tools:
        made = Tools(node.id, self.fleet, disk, rng, self._vault, self._codec, Tray(node.id), OnnxRunner())
        self.tools[node.id] = made
        return made

    def _tap(self, sender: NodeId, to: NodeId, raw: bytes) -> None:
        self.judge.link(to, self.fleet.zone(to), raw)

    def _hear(self, node: NodeId, body: Any) -> None:
        if isinstance(body, Denied):
            self.denied += 1
        if isinstance(body, Taken):
            for ref in body.refs:
                self._learn(node, ref)

    def _learn(self, node: NodeId, ref: Ref) -> None:
        known, tools = self.known[node], self.tools[node]
        if tools.tray.holds(ref) or tools.disk.has(ref):
            known.append(ref)
        if len(known) > KNOWN:
            tools.disk.drop(known.pop(0))

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def _keep(self, node: NodeId, raw: bytes, label: Label) -> None:
        """On the disk, or in memory as a tensor of a request in flight."""
        self._count += 1
        if self._chance(0.5):
            ref = self.tools[node].disk.put([raw], label)
        else:
            ref = self.tools[node].tray.put(str(self._count), np.frombuffer(raw, np.uint8), label)
        self._learn(node, ref)

    def _some(self, node: NodeId, most: int, fit: Callable[[Ref], bool] = lambda ref: True) -> list[Ref]:
        """Up to so many things that a node has, each once."""
        known, found = self.known[node], dict[str, Ref]()
        for _ in range(int(self.rng.integers(1, most + 1)) if known else 0):
            one = known[int(self.rng.integers(len(known)))]
            if fit(one) and self._here(node, one):
                found[one.digest] = one
        return list(found.values())

    def _here(self, node: NodeId, ref: Ref) -> bool:
        tools = self.tools[node]
        return tools.tray.holds(ref) if ref.is_held else tools.disk.has(ref)

    def _read(self, node: NodeId, ref: Ref) -> bytes:
        tools = self.tools[node]
        return tools.tray.get(ref).tobytes() if ref.is_held else tools.disk.get(ref)

    def _born(self, node: NodeId) -> None:
        """A sensor's reading under a random tier; above a device nothing user-private is born."""
        most = {Zone.DEVICE: 4, Zone.EDGE: 3, Zone.CLOUD: 1}[self.fleet.zone(node)]
        label = Label(Tier(int(self.rng.integers(most))), Form.RAW)
        self._keep(node, self.judge.make(label, frozenset((node,))), label)

    def _truth(self, node: NodeId, refs: Sequence[Ref], form: Form) -> tuple[Label, frozenset[str]]:
        """What something made of these truly is, by their bytes and not by their labels."""
        numbers = [int.from_bytes(self._read(node, ref)[4:12], "little") for ref in refs]
        homes = frozenset[str]().union(*(self.judge.homes[number] for number in numbers))
        return Label(max(self.judge.truths[number].tier for number in numbers), form), homes

    def _derive(self, node: NodeId) -> None:
        """A feature, an update or a count of one thing or several; its label by the code under test."""
        counts = self._chance(0.2)  # what is made of counts are counts, and they are not mixed with anything else
        if not (refs := self._some(node, 3, lambda ref: (ref.label.form is Form.STATISTIC) == counts)):
            return
        form, label = Form.STATISTIC if counts else Form(int(self.rng.integers(1, 4))), refs[0].label
        for ref in refs[1:]:
            label = label.join(ref.label)
        self._keep(node, self.judge.make(*self._truth(node, refs, form)), label.as_form(form))

    def _declassify(self, node: NodeId) -> None:
        """An update as a mechanism lets it leave; without one, it must not."""
        refs = self._some(node, 3, lambda ref: ref.label.form is Form.UPDATE)
        if not refs:
            return
        mechanism = (Noise(1.0, 1.0), Consent("owner", "improve"), None)[int(self.rng.integers(3))]
        update = Update(Tensors.of({"w": np.ones(2)}), 1.0, refs[0].label.tier)
        try:
            changed, _ = declassify(update, mechanism, self.rng)
        except Refused:
            return
        truth, homes = self._truth(node, refs[:1], Form.UPDATE)
        truth = Label(min(truth.tier, Tier.DERIVED), Form.UPDATE) if mechanism is not None else truth
        self._keep(node, self.judge.make(truth, homes), Label(changed.tier, Form.UPDATE))

    def _errand(self, node: NodeId) -> None:
        """Any message that carries something, to any neighbour."""
        neighbours = [one for one in self._nodes if self.fleet.node(one).parent == node]
        if (parent := self.fleet.node(node).parent) is not None:
            neighbours += [parent] * 2
        refs = self._some(node, 3)
        if not refs:
            return
        self._count += 1
        to, name, one = neighbours[int(self.rng.integers(len(neighbours)))], f"s{self._count}", refs[0]
        tier, samples = Tier(int(self.rng.integers(4))), int(self.rng.integers(1, 40))
        answer = Answer(name, 0, 0.5, 0, self.fleet.zone(node), 0, tier)
        cargo = Cargo(
            tuple(refs), (answer,) * self._chance(0.1), (Statistic(int(tier), samples, ()),) * self._chance(0.1)
        )
        bodies = (
            cargo, cargo, cargo, Hand((name,), one), Ask(name, one, 0, 0, "", 1.0), Mirror(name, one), Reply(answer),
            Piece(one, 0, one), Pull(one, 0, one.size_bytes), Push(one, 0, one),
        )  # fmt: skip
        body = bodies[int(self.rng.integers(len(bodies)))]
        attach = () if isinstance(body, Pull | Reply) else tuple(refs if isinstance(body, Cargo) else refs[:1])
        self._send(
            node, Send(to, body, Lane(int(self.rng.integers(3))), None, attach, "" if self._chance(0.5) else name)
        )

    def _send(self, node: NodeId, send: Send) -> None:
        if self.table is None:
            self.world.tell(node, Errand(send))
            return
        if permits(self.table, (send.body, send.attach), self.fleet.zone(send.to)):
            arrays = tuple((ref, np.frombuffer(self._read(node, ref), np.uint8)) for ref in send.attach)
            flow = type(send.body).__module__.split(".")[-2]
            self.wires.send(node, send.to, Parcel(flow, "", send.body, send.lane, attached=arrays), lambda event: None)

    def _hard(self, node: NodeId) -> None:
        """A sample worth keeping: the real `deliver` makes it last and hands it on."""
        for ref in self._some(node, 2, lambda ref: ref.is_held):
            self._count += 1
            self.world.tell(node, Hard(f"h{self._count}", ref))

    def _sense(self, node: NodeId) -> None:
        """A sample that wants an answer, or, on an edge, one to keep."""
        for ref in self._some(node, 2, lambda ref: ref.is_held and ref.label.form is Form.RAW):
            self._count += 1
            if self.fleet.zone(node) is Zone.DEVICE:
                self.world.tell(node, Arrived(Sample(f"q{self._count}", ref, self.world.now_s())))
            elif self.fleet.zone(node) is Zone.EDGE:
                self.world.tell(node, Seen(f"q{self._count}", ref))

    def _fetch(self, node: NodeId) -> None:
        """A blob of the parent's."""
        parent = self.fleet.node(node).parent
        for ref in self._some(parent, 1, lambda ref: not ref.is_held) if parent is not None else ():
            assert parent is not None
            self.world.begin(node, Fetch(ref, parent))
            self.known[node].append(ref)

    def _give(self, node: NodeId) -> None:
        """A blob for the parent, whatever its label."""
        parent = self.fleet.node(node).parent
        for ref in self._some(node, 1):
            if parent is not None and not ref.is_held and self.fleet.zone(node) is Zone.EDGE:
                self.world.begin(node, Give(ref, parent))


def _nothing(*_: Any) -> float:
    """Work takes no time here."""
    return 0.0
