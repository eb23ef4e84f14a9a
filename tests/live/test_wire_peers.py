"""Who may connect, and what a peer that breaks the rules is told; credit and heartbeat against a peer we script."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from picows import WSMsgType, WSTransport
from wire_fleet import (
    CLOUD,
    EDGE,
    FLEET,
    QUICK,
    Bare,
    Station,
    admit,
    bare,
    held,
    hello,
    identities,
    parcel,
    run,
)

from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.process import Lane
from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.node import Identity
from ganglion.live.wire.dial import ALPN
from ganglion.live.wire.frame import HEADER, MAGIC, VERSION, Kind, signal


class Scripted:
    """A cloud, and an edge whose every byte the test decides."""

    def __init__(self, folder: Path) -> None:
        self.authority, cloud_id, self.edge = identities(folder)
        self.cloud = Station(cloud_id)
        self.host = cloud_id.name.host
        self.port = 0

    async def start(self) -> None:
        """Opens the cloud's port."""
        self.port = await self.cloud.net.start(("127.0.0.1", 0), None) or 0

    async def dial(self, lane: Lane = Lane.CONTROL, pong: bool = True) -> tuple[WSTransport, Bare]:
        """A lane as the edge."""
        return await bare(self.edge.client(ALPN), self.port, lane.name.lower(), self.host, pong)

    async def greet(
        self, lane: Lane = Lane.CONTROL, credit: int = 1 << 20, pong: bool = True
    ) -> tuple[WSTransport, Bare]:
        """A lane as the edge, with hellos said."""
        transport, peer = await self.dial(lane, pong)
        transport.send(WSMsgType.BINARY, hello(lane, credit))
        await peer.until(lambda: Kind.HELLO in peer.kinds())
        if lane is Lane.CONTROL:
            await self.cloud.linked()
        return transport, peer


def test_an_unknown_wire_version_is_refused_to_both_sides(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        transport, peer = await world.dial()
        newer = bytearray(hello(Lane.CONTROL))
        newer[4] = 7
        transport.send(WSMsgType.BINARY, bytes(newer))
        why = await peer.ends()
        assert "version 7" in why and "speaks 1" in why and "upgrade" in why
        assert "version 7" in world.cloud.net.trouble and not world.cloud.links
        await world.cloud.net.close()

    run(work())


def test_no_certificate_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(tmp_path / "cloud" / "ca.pem")
        context.set_alpn_protocols([ALPN])
        _, peer = await bare(context, world.port, "control", world.host)
        assert "a client certificate is needed" in await peer.ends()
        assert not world.cloud.links
        await world.cloud.net.close()

    run(work())


def test_a_certificate_of_another_authority_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        other = create_authority(tmp_path / "other")
        stranger = admit(other, EDGE, Zone.EDGE, tmp_path / "stranger")
        context = stranger.client(ALPN)
        context.load_verify_locations(tmp_path / "cloud" / "ca.pem")  # it believes the cloud; the cloud not it
        with pytest.raises(ConnectionError, match="refused in the handshake"):
            await bare(context, world.port, "control", world.host)
        assert not world.cloud.links and not world.cloud.heard
        deaf = Station(Identity.load(tmp_path / "stranger"))
        await deaf.net.start(None, ("127.0.0.1", world.port))
        deaf.send(CLOUD, parcel(name="x"))
        assert "link down" in deaf.failed[-1].reason
        async with asyncio.timeout(5):
            while "certificate" not in deaf.net.trouble:
                await asyncio.sleep(0.01)
        await deaf.net.close()
        await world.cloud.net.close()

    run(work())


def test_only_neighbours_of_the_fleet_may_connect(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        for node, zone in (("edge-9", Zone.EDGE), (EDGE, Zone.DEVICE)):  # unknown; and a known name in another zone
            stranger = admit(world.authority, NodeId(node), zone, tmp_path / f"{node}-{zone}")
            _, peer = await bare(stranger.client(ALPN), world.port, "control", world.host)
            assert f"/{node} is no neighbour of cloud" in await peer.ends()
        assert not world.cloud.links
        await world.cloud.net.close()

    run(work())


def test_the_dialling_side_checks_who_answers(tmp_path: Path) -> None:
    async def work() -> None:
        authority, _, edge_id = identities(tmp_path)
        twin = Node(NodeId("edge-2"), Zone.EDGE, CLOUD)
        below = Fleet((*FLEET.nodes, twin), (*FLEET.links, (twin.id, FLEET.link(EDGE))))
        impostor = Station(admit(authority, twin.id, Zone.EDGE, tmp_path / "edge-2"), fleet=below)
        port = await impostor.net.start(("127.0.0.1", 0), None)
        edge = Station(edge_id)
        await edge.net.start(None, ("127.0.0.1", port or 0))
        async with asyncio.timeout(5):
            while "certificate" not in edge.net.trouble.lower():
                await asyncio.sleep(0.01)
        assert not edge.links and not impostor.links
        await edge.net.close()
        await impostor.net.close()

    run(work())


def test_credit_holds_parcels_back_until_it_is_granted(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        await world.greet()
        transport, peer = await world.greet(Lane.TENSOR, credit=2000)
        some = held(np.zeros(700, np.uint8))
        for count in (1, 2, 3):
            world.cloud.send(EDGE, parcel(count, Lane.TENSOR, attached=(some,), name=str(count)))
        await peer.until(lambda: peer.kinds().count(Kind.PARCEL) == 2)  # 2 x about 850 bytes fit, the third does not
        world.cloud.send(EDGE, parcel(4, Lane.TENSOR, attached=(some,), left_s=0.05, name="late"))
        late = await world.cloud.fails()
        assert late.name == "late" and "nobody wants it any more" in late.reason
        assert world.cloud.net.counts.late_out == 1
        assert peer.kinds().count(Kind.PARCEL) == 2
        transport.send(WSMsgType.BINARY, signal(Kind.CREDIT, Lane.TENSOR, 4000))
        await peer.until(lambda: peer.kinds().count(Kind.PARCEL) == 3)
        world.cloud.send(EDGE, parcel(5, Lane.TENSOR, attached=(held(np.zeros(1500, np.uint8)),), name="large"))
        assert "send it on the BULK lane" in (await world.cloud.fails(2)).reason
        await world.cloud.net.close()

    run(work())


def test_a_peer_that_overdraws_its_credit_is_refused(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        world.cloud = Station(world.cloud.identity, replace(QUICK, control_bytes=100))
        await world.start()
        transport, peer = await world.greet()
        over = Kind.PARCEL, 0, Lane.CONTROL, 1, 500, 0, 0
        transport.send(WSMsgType.BINARY, HEADER.pack(MAGIC, VERSION, *over) + bytes(500))
        assert "over the credit" in await peer.ends()
        await world.cloud.linked(False)
        await world.cloud.net.close()

    run(work())


def test_queued_parcels_are_cancelled_and_lost_with_the_link(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        control, _ = await world.greet()
        for name in ("kept", "taken back"):
            world.cloud.send(EDGE, parcel(1, Lane.TENSOR, name=name))  # no tensor lane is open: both wait
        world.cloud.net.cancel(EDGE, "taken back")
        control.disconnect()
        await world.cloud.linked(False)
        assert [event.name for event in world.cloud.failed] == ["kept"]
        assert "link down" in world.cloud.failed[0].reason
        await world.cloud.net.close()

    run(work())


def test_a_peer_that_answers_no_pings_is_dead(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        await world.greet(pong=False)
        await world.cloud.linked()
        await world.cloud.linked(False)
        assert "3 pings went unanswered" in world.cloud.net.trouble
        await world.cloud.net.close()

    run(work())


def test_a_parcel_that_breaks_the_rules_ends_the_connection(tmp_path: Path) -> None:
    async def work() -> None:
        world = Scripted(tmp_path)
        await world.start()
        for raw, why in ((b"GET / nothing", "shorter than its header"), (b"x" * 64, "is the peer a ganglion?")):
            transport, peer = await world.greet()
            transport.send(WSMsgType.BINARY, raw)
            assert why in await peer.ends()
        await world.cloud.net.close()

    run(work())
