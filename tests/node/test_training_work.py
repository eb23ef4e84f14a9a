"""A server's work between two steps: what was checked is summed as it was, at hand still or read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ganglion.bench.fl_model import Engine, Project
from ganglion.core.blob import tensors_to_bytes
from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.label import PUBLIC_UPDATE, Tier, Zone
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.tensors import Tensors
from ganglion.core.update import Update
from ganglion.engine.onnx import OnnxRunner
from ganglion.flow.round.messages import Aggregate, Check, Checked, Summed, Terms
from ganglion.flow.train.messages import Evaluate, State, Tidy
from ganglion.node import training
from ganglion.node.advancing import evaluate, tidy
from ganglion.node.bodies import make_codec
from ganglion.node.tools import Tools, Tray
from ganglion.node.updates import Stamp, put_update
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap
from ganglion.sim.world import SimRng

CLOUD = NodeId("cloud")
CLIENTS = tuple(NodeId(f"edge-{k}") for k in range(5))
TERMS = Terms(3, "fedavg")


class Counting(SimDisk):
    """Notes which blobs are read and how often any is written."""

    def __init__(self) -> None:
        super().__init__(Platter("cloud"), Heap(), lambda: True)
        self.read: list[str] = []
        self.written = 0

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        self.read.append(ref.digest)
        return super().get(ref, start, size)

    def put(self, chunks: Any, label: Any) -> Ref:
        self.written += 1
        return super().put(chunks, label)


class Huge:
    """An update that takes all the room there is."""

    size_bytes = training.AT_HAND_BYTES


@dataclass
class Round:
    """Updates of five clients at a server that has checked them."""

    disk: Counting = field(default_factory=Counting)

    def __post_init__(self) -> None:
        fleet = Fleet((Node(CLOUD, Zone.CLOUD),), ())
        self.tools = Tools(
            CLOUD, fleet, self.disk, SimRng(0, CLOUD), None, make_codec(), Tray(CLOUD), OnnxRunner(),  # type: ignore[arg-type]  # nothing is sealed
            engine=Engine(self.disk), project=Project(),
        )  # fmt: skip
        base = Tensors.of({"w": np.zeros((12, 6)), "b": np.zeros(6)})
        self.base = self.disk.put([tensors_to_bytes(base)], PUBLIC_UPDATE)
        self.updates = []
        for at, client in enumerate(CLIENTS):
            delta = base.with_flat(stream(1, client).normal(size=len(base.flat)).astype(np.float32))
            sent = put_update(Update(delta, 1.0 + at, Tier.PUBLIC), Stamp(3, 8, client), self.tools)
            self.updates.append((client, sent))

    def check(self) -> list[Checked]:
        return [training.check(Check(8, self.base, client, sent, TERMS), self.tools) for client, sent in self.updates]

    def sum(self) -> bytes:
        self.disk.read.clear()
        made = training.aggregate(Aggregate(8, self.base, tuple(self.updates), TERMS), self.tools)
        assert isinstance(made, Summed)
        return SimDisk.get(self.disk, made.total.delta)


def test_what_was_checked_is_not_read_again_and_its_sum_is_the_same() -> None:
    at_hand, read_again = Round(), Round()
    assert [one.why for one in at_hand.check()] == [""] * len(CLIENTS)
    sums = at_hand.sum(), read_again.sum()
    assert sums[0] == sums[1] == at_hand.sum()
    assert len(read_again.disk.read) == len(at_hand.disk.read) == len(CLIENTS)  # the second time nothing is at hand
    fresh = Round()
    fresh.check()
    fresh.sum()
    assert fresh.disk.read == []


def test_what_is_wrong_is_not_kept_and_what_memory_has_no_room_for_is_read_again() -> None:
    wrong = Round()
    wrong.updates[1] = (CLIENTS[0], wrong.updates[1][1])  # made by another than who sent it
    assert [bool(one.why) for one in wrong.check()] == [False, True, False, False, False]
    assert len(wrong.tools.loaded["checked"][1]) == len(CLIENTS) - 1

    full, room = Round(), Round()
    full.tools.loaded["checked"] = ((3, 8), {"another": Huge()})
    full.check()
    room.check()
    assert full.sum() == room.sum() and len(full.disk.read) == len(CLIENTS)


def test_what_earlier_rounds_left_goes_and_what_the_state_needs_stays() -> None:
    made = Round()
    gone, kept = made.updates[0][1].delta, made.base
    tidy(Tidy(State(kept), (gone, kept)), made.tools)
    assert made.disk.has(kept) and not made.disk.has(gone)


def test_what_judges_is_written_once_and_again_when_it_is_gone() -> None:
    made = Round()
    work = Evaluate(made.base, "calibration")
    first, before = evaluate(work, made.tools), made.disk.written
    assert evaluate(work, made.tools) == first and made.disk.written == before
    made.disk.drop(made.tools.loaded["judges/calibration"])
    assert evaluate(work, made.tools) == first and made.disk.written == before + 1
