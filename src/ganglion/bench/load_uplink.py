"""The control lane while bulk fills a slow uplink: an edge behind our shaper, and a cloud that echoes."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from ..core.codec import Codec
from ..core.errors import Unreachable
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import PUBLIC_RAW, Zone
from ..core.ports import Parcel
from ..core.process import Event, Lane
from ..core.ref import Ref
from ..core.rng import stream
from ..core.update import Statistic
from ..live.identity.authority import create_authority
from ..live.identity.certificates import request
from ..live.identity.node import Identity, accept, key_of
from ..live.shaper import ShapedLink
from ..live.wire.limits import Settings
from ..live.wire.neighbour import Ears
from ..live.wire.net import WireNet

CLOUD, EDGE = NodeId("cloud"), NodeId("edge")
RATE_BYTES_S, DELAY_S = 10e6 / 8, 0.02
HOST = "127.0.0.1"
EVERY_S = 0.05  # between two questions
IDLE_S, FULL_S, QUICK_FULL_S = 4.0, 60.0, 8.0
WARM_S = 2.0  # of bulk before questions count
CHUNK_BYTES = 256 * 1024
MOST_MORE_S = 0.1  # 99th percentile over idle's
LEAST_SHARE = 0.6  # of the uplink that bulk still has
Result = dict[str, Any]


class End:
    """One end of the link: a wire, and what it has heard."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self.up, self.taken_bytes = asyncio.Event(), 0
        self.hear: Callable[[Parcel], None] = lambda parcel: None
        identity = Identity.load(folder)
        ears = Ears(self._hear, lambda peer, up: self.up.set() if up else None)
        codec = Codec([Statistic])
        self.net = WireNet(identity, fleet, codec, ears, stream(0, identity.node), Settings(ping_s=1.0))

    def _hear(self, sender: NodeId, parcel: Parcel) -> None:
        self.taken_bytes += sum(array.nbytes for _, array in parcel.attached)
        self.hear(parcel)


def saturated(quick: bool, seed: int) -> Result:
    """One row: questions on the control lane, alone and beside bulk."""
    with tempfile.TemporaryDirectory(prefix="ganglion-uplink-") as name:
        idle, full, share = uvloop.run(_measure(Path(name), QUICK_FULL_S if quick else FULL_S, seed))
    more_s = float(np.percentile(full, 99) - np.percentile(idle, 99))
    return {
        "what": f"control lane beside bulk on {RATE_BYTES_S * 8 / 1e6:g} Mbit/s, {2e3 * DELAY_S:g} ms",
        "idle_p99_ms": round(float(np.percentile(idle, 99)) * 1e3, 1),
        "p50_ms": round(float(np.percentile(full, 50)) * 1e3, 1),
        "p99_ms": round(float(np.percentile(full, 99)) * 1e3, 1),
        "bulk_share": round(share, 2),
        "bar": f"p99 <= idle + {1e3 * MOST_MORE_S:g} ms, bulk has >= {LEAST_SHARE:g} of the uplink",
        "ok": more_s <= MOST_MORE_S and share >= LEAST_SHARE,
    }


async def _measure(folder: Path, for_s: float, seed: int) -> tuple[list[float], list[float], float]:
    """Seconds of questions when idle and when full, and bulk's share of the uplink."""
    link = Link("uplink", RATE_BYTES_S, RATE_BYTES_S, DELAY_S)
    fleet = Fleet((Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)), ((EDGE, link),))
    authority = create_authority(folder / CLOUD)
    accept(folder / EDGE, authority.issue(request(key_of(folder / EDGE), EDGE), EDGE, Zone.EDGE))
    cloud, edge = End(folder / CLOUD, fleet), End(folder / EDGE, fleet)
    port = await cloud.net.start((HOST, 0), None)
    assert port is not None
    shaped = ShapedLink((HOST, port), link, seed)
    await edge.net.start(None, (HOST, await shaped.start(HOST)))
    try:
        await asyncio.wait_for(edge.up.wait(), 10.0)
        cloud.hear = lambda parcel: _echo(cloud, parcel)
        idle = await _ask(edge, IDLE_S)
        filling = asyncio.ensure_future(_fill(edge, cloud))
        await asyncio.sleep(WARM_S)
        before, began_s = cloud.taken_bytes, time.monotonic()
        full = await _ask(edge, for_s)
        share = (cloud.taken_bytes - before) / (time.monotonic() - began_s) / RATE_BYTES_S
        filling.cancel()
        return idle, full, share
    finally:
        await edge.net.close()
        await shaped.close()
        await cloud.net.close()


def _echo(cloud: End, parcel: Parcel) -> None:
    if parcel.lane is Lane.CONTROL:
        cloud.net.send(EDGE, parcel, _failed)


async def _ask(edge: End, for_s: float) -> list[float]:
    """A question now and then; seconds until each answer."""
    sent: dict[int, float] = {}
    taken: list[float] = []

    def hear(parcel: Parcel) -> None:
        began_s = sent.pop(parcel.body.samples, None)
        if began_s is not None:
            taken.append(time.monotonic() - began_s)

    edge.hear = hear
    for number in range(int(for_s / EVERY_S)):
        sent[number] = time.monotonic()
        edge.net.send(CLOUD, Parcel("bench", "", Statistic(0, number, (("x", 0.5),)), Lane.CONTROL), _failed)
        await asyncio.sleep(EVERY_S)
    until_s = time.monotonic() + 5.0
    while sent and time.monotonic() < until_s:
        await asyncio.sleep(EVERY_S)
    return taken + [5.0] * len(sent)  # what never came back counts as very late


async def _fill(edge: End, cloud: End) -> None:
    """Bulk without an end, two parcels at most on their way: there is always something to send."""
    array, sent = np.zeros(CHUNK_BYTES, np.uint8), 0
    ref = Ref("~edge/bulk", CHUNK_BYTES, PUBLIC_RAW)
    while True:
        if sent - cloud.taken_bytes < 2 * CHUNK_BYTES:
            body = Statistic(0, 20, (("x", 1.0),))
            edge.net.send(CLOUD, Parcel("bench", "", body, Lane.BULK, attached=((ref, array),)), lambda event: None)
            sent += CHUNK_BYTES
        await asyncio.sleep(0.005)


def _failed(event: Event) -> None:
    raise Unreachable(f"the bench lost a parcel: {event}; is the machine very busy?")
