"""What real processes leave on disk, replayed by the simulator's own reader, is the state that they reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import ganglion
from ganglion.core.codec import Codec
from ganglion.core.facts import Answered
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.ports import Disk
from ganglion.core.process import Command, Event, Tell
from ganglion.flow.install.node import Install
from ganglion.flow.job.cloud import Job
from ganglion.flow.job.messages import JobOver, Order
from ganglion.flow.sense.messages import Stream, StreamOver
from ganglion.live.admin_messages import Status
from ganglion.live.agent_file import STATE
from ganglion.live.equip import WorkerDisk
from ganglion.live.identity.vault import LocalVault
from ganglion.live.supervisor import LiveFleet
from ganglion.node.bodies import make_codec
from ganglion.node.journal import Slot, replay
from ganglion.node.loaded import ACTIVE
from ganglion.node.outbox import Outbox
from ganglion.node.places import PLACES
from ganglion.node.tools import Policy
from ganglion.project import resolve
from ganglion.run import Setup

pytestmark = pytest.mark.live

CLOUD, EDGE, DEVICE = NODES = NodeId("cloud"), NodeId("edge"), NodeId("device")
FAST = Link("fast", 1e8, 1e8, 0.001)
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD), Node(DEVICE, Zone.DEVICE, EDGE)),
    ((EDGE, FAST), (DEVICE, FAST)),
)
SAMPLES = 30
PATIENCE_S = 120.0
DURABLE = {runs.flow.__name__ for place in PLACES.values() for runs in place if runs.flow.durable}


@dataclass(frozen=True)
class Left:
    """What a live run said of itself, and where it lies now."""

    folder: Path
    reported: dict[NodeId, Status]
    facts: list[tuple[float, NodeId, Any]]

    def disk(self, node: NodeId) -> Disk:
        return WorkerDisk(self.folder / node / STATE, LocalVault(self.folder / node))

    def replay(self, node: NodeId, codec: Codec) -> tuple[dict[str, Slot], list[Command]]:
        """Where a node's durable flows stand, and what they asked for since their last snapshots."""
        asked: list[Command] = []

        def see(key: str, event: Event, commands: list[Command]) -> None:
            asked.extend(commands)

        return {slot.id: slot for slot, _ in replay(self.disk(node), codec, see)}, asked


def quiet(fleet: LiveFleet) -> dict[NodeId, Status]:
    """How the nodes are once nothing durable happens any more."""
    for _ in range(100):
        fleet.rest(0.3)
        found = {node: fleet.status(node) for node in NODES}
        if all(status.waiting == 0 for status in found.values()):
            return found
    raise AssertionError("the outboxes did not drain")


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Left]:
    """Three processes: a release, a stream, kill -9 of the edge and its return, and the end."""
    spec = str(Path(ganglion.__file__).parent / "template")
    setup = Setup(FLEET, Policy(), spec, {DEVICE: resolve(spec).streams(DEVICE)})
    folder = tmp_path_factory.mktemp("equivalence") / "fleet"
    with LiveFleet(setup, folder, 7) as fleet:
        fleet.begin(CLOUD, Job(1, Order("equivalence"), ((EDGE,),)))
        over = fleet.wait(lambda node, body: isinstance(body, JobOver), PATIENCE_S)
        assert over.kept, over.why
        fleet.kill(EDGE)
        fleet.tell(DEVICE, Stream("stream", SAMPLES, 40.0))
        fleet.wait(lambda node, body: isinstance(body, StreamOver), PATIENCE_S)
        fleet.start(EDGE)
        fleet.rest(1.5)  # longer than any deadline
        found = Left(folder, quiet(fleet), list(fleet.facts))
        for node in NODES:
            fleet.kill(node)  # not even an orderly end: what counts is on the disk
    yield found


def test_the_run_was_one(left: Left) -> None:
    assert {status.release for status in left.reported.values()} >= {1}
    assert len({body.answer.sample for _, _, body in left.facts if isinstance(body, Answered)}) == SAMPLES


@pytest.mark.parametrize("node", NODES)
def test_the_journal_replays_to_what_the_process_reported(left: Left, node: NodeId) -> None:
    slots, _ = left.replay(node, make_codec())
    said = {name: phase for name, phase in left.reported[node].flows if name.partition("/")[0] in DURABLE}
    assert {name: slot.flow.phase.name for name, slot in slots.items() if not slot.over} == said
    assert said, "a node has durable flows as long as it lives"


@pytest.mark.parametrize("node", [EDGE, DEVICE])
def test_releases_and_floors_are_those_that_the_process_reported(left: Left, node: NodeId) -> None:
    codec, status = make_codec(), left.reported[node]
    flow = left.replay(node, codec)[0]["Install/"].flow
    assert isinstance(flow, Install)
    assert (flow.current, flow.floor) == (status.release, status.floor) == (1, 1)
    assert (flow.phase.name, status.trying) == ("IDLE", 0)
    (row,) = left.disk(node).scan(ACTIVE)
    assert codec.decode(row.data).counter == status.release


@pytest.mark.parametrize("node", NODES)
def test_the_outbox_is_as_full_as_the_process_reported(left: Left, node: NodeId) -> None:
    outbox = Outbox(make_codec(), "any")
    outbox.load(left.disk(node))
    assert outbox.waiting == left.reported[node].waiting


@pytest.mark.parametrize("node", NODES)
def test_facts_are_told_again_as_the_process_told_them(left: Left, node: NodeId) -> None:
    _, asked = left.replay(node, make_codec())
    told = iter([body for _, where, body in left.facts if where == node])
    for command in asked:
        if isinstance(command, Tell):
            assert any(body == command.body for body in told), f"{command.body} was not told live, or not in this order"


@pytest.mark.parametrize("node", NODES)
def test_a_replay_reads_only_the_journal(left: Left, node: NodeId) -> None:
    one, two = left.replay(node, make_codec()), left.replay(node, make_codec())
    assert one[1] == two[1] and {k: v.flow for k, v in one[0].items()} == {k: v.flow for k, v in two[0].items()}
