"""A newer node at an older one: what only the newer knows is named, and everything else goes on."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from wire_fleet import CODEC, FLEET, QUICK, Station, identities, parcel, run

from ganglion.core.codec import Codec, Unknown, name_of
from ganglion.core.facts import Denied
from ganglion.core.ports import Parcel
from ganglion.core.process import Lane
from ganglion.core.rng import stream
from ganglion.core.update import Statistic
from ganglion.live.wire.neighbour import Ears
from ganglion.live.wire.net import WireNet
from ganglion.node.outbox import Gap
from small_fleet import CLOUD as BOSS
from small_fleet import EDGES, begin

SITE = EDGES[0]


@dataclass(frozen=True)
class Novelty:
    """A body of a version to come."""

    number: int


def test_a_link_outlives_what_only_the_newer_side_knows(tmp_path: Path) -> None:
    """A newer edge at an older cloud: the cloud hears that something is unknown, and the link goes on."""

    async def work() -> None:
        _, cloud, edge = identities(tmp_path)
        station = Station(cloud)
        port = await station.net.start(("127.0.0.1", 0), None)
        up = asyncio.Event()
        ears = Ears(lambda *_: None, lambda _, is_up: up.set() if is_up else None)
        newer = WireNet(edge, FLEET, Codec([*CODEC.kinds, Novelty]), ears, stream(2, "newer"), QUICK)
        await newer.start(None, ("127.0.0.1", port or 0))
        await up.wait()
        newer.send(cloud.node, Parcel("test", "", Novelty(1), Lane.CONTROL), lambda event: None)
        newer.send(cloud.node, parcel(7), lambda event: None)
        assert (await station.hears(2)).body == Statistic(0, 7, (("x", 0.5),))
        assert station.heard[0][1].body == Unknown(name_of(Novelty))
        assert station.links == [(edge.node, True)]
        await newer.close()
        await station.net.close()

    run(work())


def test_a_promised_message_that_is_unknown_here_waits_until_this_node_is_upgraded() -> None:
    """It is not taken, so its sender keeps it; the same number is taken once it is understood."""
    story = begin(5)
    drive = story.world.nodes[BOSS].drive
    assert drive is not None
    drive.hear(SITE, Parcel("novel", "", Unknown("novel.Novelty"), Lane.CONTROL, None, "a life", 1))
    story.world.rest(1.0)
    denied = [body for _, node, body in story.told(Denied) if node == BOSS]
    assert [(one.gate, one.what, one.peer) for one in denied] == [("arrival", "Unknown", SITE)]
    assert "upgrade the older side" in denied[0].why and "novel.Novelty" in denied[0].why
    assert f"{SITE}/a life" not in drive.post.outbox.cursors
    drive.hear(SITE, Parcel("outbox", "", Gap(1, 0, 0, "the sender gave it up"), Lane.CONTROL, None, "a life", 1))
    story.world.rest(1.0)
    assert drive.post.outbox.cursors[f"{SITE}/a life"] == 1
