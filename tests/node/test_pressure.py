"""A node whose outbox is full of what must be kept takes no promise from below, says so, and loses none of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from ganglion.core.codec import Codec
from ganglion.core.facts import Audited, Denied
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.ports import Parcel, Reading, Tell
from ganglion.core.process import Command, Event, Heard, Lane, Send
from ganglion.engine.onnx import OnnxRunner
from ganglion.flow.rollout.messages import Back
from ganglion.node.bodies import all_bodies
from ganglion.node.drive import Drive, World
from ganglion.node.outbox import Ack
from ganglion.node.runs import Runs
from ganglion.node.tools import Policy, Tools, Tray
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap, SimClock
from ganglion.sim.world import SimRng

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge"), NodeId("device")
LINK = Link("any", 1e6, 1e6, 0.01)
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD), Node(DEVICE, Zone.DEVICE, EDGE)),
    ((EDGE, LINK), (DEVICE, LINK)),
)
QUOTA_BYTES, MANY = 20_000, 120


class Phase(IntEnum):
    OPEN = 1
    OVER = 2


@dataclass
class Passer:
    """Passes everything on, as something that must be kept."""

    phase: Phase = Phase.OPEN
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        match event:
            case Heard(sender, Back() as body):
                return [Send(CLOUD if sender == DEVICE else DEVICE, body)]
        return []


CODEC = Codec([*all_bodies(), Passer])


class Edge:
    """An edge between a device that sends on until it is acknowledged, and a cloud that is not there at first."""

    def __init__(self) -> None:
        self.heap, self.facts, self.sent = Heap(), list[Any](), list[tuple[NodeId, Parcel]]()
        self.acked, self.above = 0, list[int]()
        disk = SimDisk(Platter("edge"), self.heap, lambda: True)
        policy = Policy(promised_bytes=QUOTA_BYTES)
        tools = Tools(EDGE, FLEET, disk, SimRng(0, EDGE), None, CODEC, Tray(EDGE), OnnxRunner(), policy)  # type: ignore[arg-type]  # nothing is sealed
        world = World(SimClock(self.heap, lambda: True), self, self, self.facts.append)
        self.drive = Drive(tools, world, (Runs(Passer, {}, hears=(Back,), standing=lambda tools: Passer()),), "edge")
        self.drive.boot()
        self.drive.linked(DEVICE, True)
        self.settle()

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        """Net: the cloud takes what comes in order, and acknowledges each."""
        self.sent.append((to, parcel))
        if isinstance(parcel.body, Ack):
            self.acked = max(self.acked, parcel.body.seq) if to == DEVICE else self.acked
        elif to == CLOUD and parcel.seq == len(self.above) + 1:
            self.above.append(parcel.body.counter)
            ack = Parcel("outbox", "", Ack("edge", parcel.seq), Lane.CONTROL)
            self.heap.push(self.heap.now_s(), lambda: self.drive.hear(CLOUD, ack))

    def cancel(self, *named: Any) -> None: ...

    def submit(self, *work: Any) -> None: ...

    def link(self, to: NodeId) -> Reading:
        return Reading(True)

    def settle(self) -> None:
        """Until a second has passed."""
        self.heap.run(self.heap.now_s() + 1.0)

    def hear(self, sender: NodeId, seq: int, counter: int) -> None:
        """A promised message."""
        self.take(sender, seq, counter)
        self.settle()

    def take(self, sender: NodeId, seq: int, counter: int, disk: str = "its disk") -> None:
        """The same, and nothing is written yet."""
        self.drive.hear(sender, Parcel("rollout", "", Back(counter, "x" * 50), Lane.CONTROL, None, disk, seq))


def test_a_full_outbox_holds_back_who_is_below_and_nothing_is_lost() -> None:
    edge = Edge()
    for number in range(1, MANY + 1):
        edge.hear(DEVICE, number, number)
    held = edge.acked
    assert 0 < held < MANY and edge.drive.post.outbox.used_bytes <= QUOTA_BYTES + 1000
    (denied,) = [fact for fact in edge.facts if isinstance(fact, Denied)]
    assert denied.gate == "arrival" and denied.peer == DEVICE
    assert str(QUOTA_BYTES) in denied.why and "raise promised_bytes" in denied.why
    edge.drive.linked(CLOUD, True)
    edge.settle()
    assert edge.above == list(range(1, held + 1))
    for number in range(held + 1, MANY + 1):
        edge.hear(DEVICE, number, number)
    assert edge.above == list(range(1, MANY + 1)) and edge.acked == MANY


def test_who_is_above_is_heard_all_the_same() -> None:
    """What it promises may be the way out."""
    edge = Edge()
    for number in range(1, MANY + 1):
        edge.hear(DEVICE, number, number)
    before = edge.drive.post.outbox.cursors.get(f"{CLOUD}/its disk", 0)
    edge.hear(CLOUD, 1, 5)
    assert edge.drive.post.outbox.cursors[f"{CLOUD}/its disk"] == before + 1


def test_what_is_written_together_is_acknowledged_once() -> None:
    edge = Edge()
    for number in range(1, 11):
        edge.take(DEVICE, number, number)
    edge.take(DEVICE, 3, 3)  # again: its sender has not heard yet
    assert not edge.sent
    edge.settle()
    acks = [parcel.body for to, parcel in edge.sent if to == DEVICE]
    assert acks[-1] == Ack("its disk", 10) and len(acks) <= 2, "one for what came twice, one for the write"


def test_a_new_disk_of_a_sender_is_a_new_stream_and_is_told() -> None:
    edge = Edge()
    edge.hear(DEVICE, 1, 1)
    edge.hear(DEVICE, 2, 2)
    edge.take(DEVICE, 1, 3, "its new disk")
    edge.settle()
    assert [CODEC.decode(kept.body).counter for kept in edge.drive.post.outbox.due(CLOUD)] == [1, 2, 3]
    assert [fact.what for fact in edge.facts if isinstance(fact, Audited) and fact.act == "re-imaged"] == [DEVICE]
    assert Ack("its new disk", 1) in [parcel.body for _, parcel in edge.sent]
