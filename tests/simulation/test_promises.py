"""What a node has promised, over the real flows: a full outbox, a full disk, lost blobs, a new disk, power cuts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from ganglion.bench.survive_fleet import ALL_KEPT, CLOUD, Story, begin, fleet
from ganglion.bench.survive_sim import Cutting, Through, at_every_commit, planted, repeated, seeds
from ganglion.core.errors import GanglionError
from ganglion.core.facts import Denied
from ganglion.core.fleet import NodeId
from ganglion.core.label import Label
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.node.keeping import KEPT, _kept
from ganglion.node.outbox import WINDOW
from ganglion.node.tools import Policy
from ganglion.sim.disk import Platter
from ganglion.sim.faults import Faults

EDGE, DEVICE = NodeId("edge-1"), NodeId("device-1-1")


@dataclass
class Full(Through):
    """A disk without room for blobs."""

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Never."""
        raise GanglionError("the disk is full; free some space")


def offered(story: Story, count: int, size_bytes: int = 64) -> None:
    """One message each, far enough apart to travel alone."""
    for _ in range(count):
        story.offer(DEVICE, size_bytes=size_bytes)
        story.world.rest(0.3)


def test_what_a_full_outbox_gives_up_is_said_and_the_rest_arrives() -> None:
    story = begin(3, fleet(1, 1), Policy(kept_samples=ALL_KEPT, promised_bytes=400_000))
    story.part(EDGE)
    offered(story, 200, 4096)
    platter = story.world.nodes[EDGE].platter
    assert platter.used_bytes < 400_000 + 100_000
    story.heal()
    assert story.settle(60.0)
    found = story.verdict()
    assert found.accepted == 200 == found.delivered + found.given_up and found.given_up > 50 and found.whole
    assert sum(missed.items for node, missed in story.gaps if node == CLOUD) == found.given_up
    assert platter.used_bytes < 50_000, "what has arrived is not kept on the way"


def test_a_backlog_goes_out_as_fast_as_it_is_acknowledged() -> None:
    story = begin(4, fleet(1, 1))
    story.part(EDGE)
    offered(story, 4 * WINDOW)
    since_s = story.world.now_s()
    story.heal()
    story.world.rest(0.2)
    while story.drive(EDGE).post.outbox.waiting:
        story.world.rest(0.1)
    assert story.world.now_s() - since_s < 2.0 and story.verdict().delivered == 4 * WINDOW


def test_a_full_disk_at_the_receiver_loses_nothing() -> None:
    """What has no room is not acknowledged, and comes again when there is."""
    story = begin(5, fleet(1, 1))
    tools = story.drive(CLOUD).tools
    disk, tools.disk = tools.disk, Full(tools.disk)
    offered(story, 5)
    story.world.rest(10.0)
    assert story.drive(EDGE).post.outbox.waiting == 5
    assert any(isinstance(body, Denied) and "full" in body.why for _, node, body in story.world.facts if node == CLOUD)
    tools.disk = disk
    assert story.settle(120.0) and story.verdict().delivered == 5


def test_a_promise_whose_blob_is_lost_becomes_a_gap() -> None:
    story = begin(6, fleet(1, 1))
    story.part(EDGE)
    offered(story, 6)
    story.world.nodes[EDGE].platter.blobs.clear()
    offered(story, 2)
    story.heal()
    assert story.settle(60.0)
    found = story.verdict()
    assert (found.accepted, found.delivered, found.given_up, found.lost) == (8, 2, 6, 0)


def test_a_cloud_with_another_disk_hears_what_its_edges_say_from_now_on() -> None:
    story = begin(7, fleet(1, 1))
    offered(story, 10)
    story.world.rest(2.0)
    story.kill(CLOUD)
    story.world.nodes[CLOUD].platter = Platter("another")
    offered(story, 3)
    story.start(CLOUD)
    assert story.settle(60.0)
    assert story.verdict().delivered == 3
    assert [missed.items for node, missed in story.gaps if node == CLOUD] == [0]


def test_what_has_come_as_far_as_it_may_is_kept_once_and_a_row_without_its_blob_is_passed_over() -> None:
    story = begin(8, fleet(1, 1))
    offered(story, 3)
    assert story.settle(20.0)
    tools, platter = story.drive(CLOUD).tools, story.world.nodes[CLOUD].platter
    assert len(list(tools.disk.scan(KEPT))) == 3 == len(_kept(tools))
    platter.blobs.pop(next(iter(tools.disk.scan(KEPT))).key)
    story.kill(CLOUD)
    story.start(CLOUD)
    offered(story, 1)
    assert story.settle(20.0) and len(_kept(story.drive(CLOUD).tools)) == 3


@pytest.mark.parametrize("seed", range(6))
def test_a_power_cut_amid_a_backlog_takes_back_nothing_that_was_acknowledged(seed: int) -> None:
    """In seed 2 a receiver that acknowledges what it has applied, and not yet synced, loses a sample."""
    story, chance = begin(seed, fleet(1, 1)), stream(seed, "burst")
    story.part(EDGE)
    for _ in range(40):
        story.offer(DEVICE)
        story.world.rest(0.25)
    tools = story.drive(CLOUD).tools
    tools.disk = Cutting(tools.disk, story, CLOUD, chance)
    story.wrap = lambda told, node, disk: Cutting(disk, told, node, chance) if node == CLOUD else disk
    story.world.wires.faults = Faults(landed=0.3)
    story.mend(EDGE)
    story.world.rest(3.0)
    story.heal()
    assert story.settle(100.0) and story.cuts > 5
    assert story.verdict().delivered == 40 and story.verdict().whole


def test_power_cuts_at_commits_lose_nothing_and_a_disk_that_tells_too_early_does() -> None:
    assert at_every_commit(60, 1)["ok"] and seeds(3, 1)["ok"] and repeated(1, 1)["ok"]
    assert planted(2, 1)["lost"] > 0
