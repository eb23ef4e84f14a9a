"""A promised message that a flow fails at has no half effect and is set aside after some tries; its stream goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

import pytest

from ganglion.core.codec import Codec
from ganglion.core.facts import Denied
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.ports import Parcel, Reading, Tell
from ganglion.core.process import Command, Event, Heard, Lane, Send
from ganglion.engine.onnx import OnnxRunner
from ganglion.flow.rollout.messages import Back
from ganglion.node.bodies import all_bodies
from ganglion.node.drive import Drive, World
from ganglion.node.outbox import Ack
from ganglion.node.quarantine import QUARANTINE, TRIES
from ganglion.node.runs import Runs
from ganglion.node.tools import Tools, Tray
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap, SimClock
from ganglion.sim.world import SimRng

CLOUD, EDGE = NodeId("cloud"), NodeId("edge")
FLEET = Fleet((Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)), ((EDGE, Link("any", 1e6, 1e6, 0.01)),))


class Phase(IntEnum):
    OPEN = 1
    OVER = 2


@dataclass
class Adder:
    """A durable flow that fails halfway at amounts below nothing, and answers every other one."""

    total: int = 0
    parts: list[int] = field(default_factory=list)
    phase: Phase = Phase.OPEN
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        match event:
            case Heard(sender, Back(size)):
                return list(self._add(sender, size))
        return []

    def _add(self, sender: NodeId, size: int) -> Iterator[Command]:
        self.total += size
        yield Send(sender, Back(self.total, ""))
        if size < 0:
            raise ValueError(f"an amount of {size}")
        self.parts.append(size)


CODEC = Codec([*all_bodies(), Adder])


class Wire:
    """Keeps what goes out."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        self.sent.append(parcel)

    def cancel(self, to: NodeId, name: str) -> None: ...

    def link(self, to: NodeId) -> Reading:
        return Reading(True)


class NoWork:
    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None: ...

    def cancel(self, name: str) -> None: ...


class Cloud:
    """A node with the flow above on a disk that outlives it."""

    def __init__(self, platter: Platter) -> None:
        self.heap, self.wire, self.facts = Heap(), Wire(), list[Any]()
        self.disk = SimDisk(platter, self.heap, lambda: True)
        tools = Tools(CLOUD, FLEET, self.disk, SimRng(0, CLOUD), None, CODEC, Tray(CLOUD), OnnxRunner())  # type: ignore[arg-type]  # nothing is sealed
        world = World(SimClock(self.heap, lambda: True), self.wire, NoWork(), self.facts.append)
        runs = Runs(Adder, {}, hears=(Back,), standing=lambda tools: Adder())
        self.drive = Drive(tools, world, (runs,), platter.incarnation)
        self.drive.boot()
        self.settle()
        self.drive.linked(EDGE, True)
        self.settle()

    def settle(self) -> None:
        """Until a second has passed."""
        self.heap.run(self.heap.now_s() + 1.0)

    def hear(self, seq: int, size: int) -> None:
        """A promised message, and what comes of it."""
        try:
            self.drive.hear(EDGE, Parcel("test", "", Back(size, ""), Lane.CONTROL, None, "disk", seq))
        finally:
            self.settle()

    @property
    def acked(self) -> int:
        return max((parcel.body.seq for parcel in self.wire.sent if isinstance(parcel.body, Ack)), default=0)

    @property
    def adder(self) -> Adder:
        flow = self.drive.slots["Adder/"].flow
        assert isinstance(flow, Adder)
        return flow

    @property
    def promised(self) -> list[int]:
        return [CODEC.decode(kept.body).counter for kept in self.drive.post.outbox.due(EDGE)]


def failing(cloud: Cloud, seq: int) -> Callable[[], None]:
    def work() -> None:
        with pytest.raises(ValueError, match="an amount of -5"):
            cloud.hear(seq, -5)

    return work


def test_a_message_that_a_flow_fails_at_leaves_no_half_effect() -> None:
    cloud = Cloud(Platter("here"))
    cloud.hear(1, 10)
    failing(cloud, 2)()
    assert (cloud.adder.total, cloud.adder.parts, cloud.promised, cloud.acked) == (10, [10], [10], 1)
    cloud.hear(2, 3)  # its sender has mended it
    assert (cloud.adder.total, cloud.promised, cloud.acked) == (13, [10, 13], 2)


def test_after_some_tries_it_is_set_aside_and_the_stream_goes_on() -> None:
    platter = Platter("here")
    cloud = Cloud(platter)
    cloud.hear(1, 10)
    for _ in range(TRIES):
        assert cloud.acked == 1
        failing(cloud, 2)()
    cloud.hear(2, -5)
    assert cloud.acked == 2
    cloud.hear(3, 4)
    assert (cloud.adder.total, cloud.promised, cloud.acked) == (14, [10, 14], 3)
    assert [fact.gate for fact in cloud.facts if isinstance(fact, Denied)] == ["apply"]
    again = Cloud(platter)
    (aside,) = again.drive.quarantine.rows.values()
    assert (aside.sender, aside.seq, CODEC.decode(aside.body)) == (EDGE, 2, Back(-5, ""))
    assert aside.why == f"set aside after {TRIES} tries: ValueError: an amount of -5"
    assert (again.adder.total, again.adder.parts) == (14, [10, 4])
    assert len(list(again.disk.scan(QUARANTINE))) == 1


def test_what_others_send_meanwhile_is_not_lost() -> None:
    """While a flow goes back to its disk, a promised message is not taken, so its sender sends it again."""
    cloud = Cloud(Platter("here"))
    with pytest.raises(ValueError, match="an amount"):
        cloud.drive.hear(EDGE, Parcel("test", "", Back(-1, ""), Lane.CONTROL, None, "disk", 1))
    cloud.drive.hear(EDGE, Parcel("test", "", Back(7, ""), Lane.CONTROL, None, "other disk", 1))
    assert cloud.adder.parts == []
    cloud.settle()
    cloud.drive.hear(EDGE, Parcel("test", "", Back(7, ""), Lane.CONTROL, None, "other disk", 1))
    cloud.settle()
    assert (cloud.adder.total, cloud.adder.parts) == (7, [7])
