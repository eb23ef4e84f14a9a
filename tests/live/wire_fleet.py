"""What the tests of the wire share: a small fleet with identities, and nodes that keep what they hear."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from ganglion.core.codec import Codec
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Form, Label, Tier, Zone
from ganglion.core.ports import Parcel
from ganglion.core.process import Event, Failed, Lane
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.update import Statistic
from ganglion.flow.fetch.messages import Got, Piece, Pull, Push
from ganglion.live.identity.authority import Authority, create_authority
from ganglion.live.identity.certificates import request
from ganglion.live.identity.node import Identity, accept, key_of
from ganglion.live.wire.dial import QUIET
from ganglion.live.wire.frame import Kind, signal
from ganglion.live.wire.limits import Settings
from ganglion.live.wire.neighbour import Ears
from ganglion.live.wire.net import WireNet

CLOUD, EDGE = NodeId("cloud"), NodeId("edge-1")
PUBLIC = Label(Tier.PUBLIC, Form.RAW)
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)),
    ((EDGE, Link("mobile", 1e6, 1e6, 0.01)),),
)
CODEC = Codec([Statistic, Pull, Piece, Push, Got])
PATIENCE_S = 10.0
QUICK = Settings(ping_s=0.05, first_wait_s=0.01, longest_wait_s=0.05)


def admit(authority: Authority, node: NodeId, zone: Zone, folder: Path) -> Identity:
    """An identity without a network: the same request and answer as over one."""
    accept(folder, authority.issue(request(key_of(folder), node), node, zone))
    return Identity.load(folder)


def identities(folder: Path) -> tuple[Authority, Identity, Identity]:
    """An authority, its cloud and one edge."""
    authority = create_authority(folder / "cloud")
    return authority, Identity.load(folder / "cloud"), admit(authority, EDGE, Zone.EDGE, folder / "edge")


class Station:
    """A node of which only the wire exists: it keeps all it hears."""

    def __init__(self, identity: Identity, settings: Settings = QUICK, fleet: Fleet = FLEET) -> None:
        self.identity = identity
        self.heard: list[tuple[NodeId, Parcel]] = []
        self.links: list[tuple[NodeId, bool]] = []
        self.tapped: list[bytes] = []
        self.failed: list[Failed] = []
        self.answer: Callable[[NodeId, Parcel], None] = lambda sender, parcel: None
        self._changed = asyncio.Event()
        ears = Ears(self._hear, self._linked, lambda peer, data: self.tapped.append(bytes(data)))
        self.net = WireNet(identity, fleet, CODEC, ears, stream(1, identity.node), settings)

    def _hear(self, sender: NodeId, parcel: Parcel) -> None:
        self.heard.append((sender, parcel))
        self._changed.set()
        self.answer(sender, parcel)

    def _linked(self, peer: NodeId, up: bool) -> None:
        self.links.append((peer, up))
        self._changed.set()

    def tell(self, event: Event) -> None:
        """What the port answers."""
        assert isinstance(event, Failed), event
        self.failed.append(event)
        self._changed.set()

    def send(self, to: NodeId, parcel: Parcel) -> None:
        """Through the port."""
        self.net.send(to, parcel, self.tell)

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for a change that makes it true."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self._changed.clear()
                await self._changed.wait()

    async def linked(self, up: bool = True) -> None:
        """Waits for the latest news of the link."""
        await self.until(lambda: bool(self.links) and self.links[-1][1] is up)

    async def hears(self, count: int = 1) -> Parcel:
        """Waits for so many parcels in all, and gives the last."""
        await self.until(lambda: len(self.heard) >= count)
        return self.heard[count - 1][1]

    async def fails(self, count: int = 1) -> Failed:
        """Waits for so many failures in all, and gives the last."""
        await self.until(lambda: len(self.failed) >= count)
        return self.failed[count - 1]


def parcel(samples: int = 1, lane: Lane = Lane.CONTROL, **more: Any) -> Parcel:
    """A small message."""
    return Parcel("test", "", Statistic(0, samples, (("x", 0.5),)), lane, **more)


def held(array: np.ndarray[Any, Any], name: str = "x") -> tuple[Ref, np.ndarray[Any, Any]]:
    """An array as it travels attached."""
    return Ref(f"~node/{name}", int(array.nbytes), PUBLIC), array


def run(work: Coroutine[Any, Any, None]) -> None:
    """Runs a test on the loop that live nodes use."""

    async def bounded() -> None:
        async with asyncio.timeout(30):
            await work

    uvloop.run(bounded())


async def pair(folder: Path, settings: Settings = QUICK) -> tuple[Station, Station, int]:
    """A cloud and an edge, linked, and the cloud's port."""
    _, cloud_id, edge_id = identities(folder)
    cloud, edge = Station(cloud_id, settings), Station(edge_id, settings)
    port = await cloud.net.start(("127.0.0.1", 0), None)
    assert port is not None
    await edge.net.start(None, ("127.0.0.1", port))
    await edge.linked()
    await cloud.linked()
    return cloud, edge, port


class Bare(WSListener):
    """The far end of a lane without any of our own rules: says what a test wants, keeps what it gets."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.closed = ""
        self.changed = asyncio.Event()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            self.closed = frame.get_close_reason() or "closed"
            transport.disconnect()
        elif frame.msg_type == WSMsgType.BINARY:
            self.frames.append(frame.get_payload_as_bytes())
        self.changed.set()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.closed = self.closed or "broken"
        self.changed.set()

    async def until(self, true: Callable[[], bool]) -> None:
        """Waits for a change that makes it true."""
        async with asyncio.timeout(PATIENCE_S):
            while not true():
                self.changed.clear()
                await self.changed.wait()

    async def ends(self) -> str:
        """Waits for the other side to end the connection, and gives its reason."""
        await self.until(lambda: bool(self.closed))
        return self.closed

    def kinds(self) -> list[int]:
        """Types of the frames that came."""
        return [raw[5] for raw in self.frames]


async def bare(
    context: ssl.SSLContext, port: int, lane: str = "control", host: str = "", pong: bool = True
) -> tuple[WSTransport, Bare]:
    """Dials a lane without saying hello."""
    url = f"wss://127.0.0.1:{port}/v1/lanes/{lane}"
    transport, listener = await ws_connect(
        Bare, url, ssl_context=context, server_hostname=host, enable_auto_pong=pong, logger_name=QUIET
    )
    if listener is None:  # the other side ended the handshake
        raise ConnectionError("refused in the handshake")
    assert isinstance(listener, Bare)
    return transport, listener


def hello(lane: Lane, credit: int = 1 << 20) -> bytes:
    """The first frame of a connection."""
    return signal(Kind.HELLO, lane, credit)
