"""Certificates are renewed in time and for a while after, through an edge too; who is disabled is out at once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.x509 import Certificate, Name
from wire_fleet import CODEC, QUICK, Station, parcel, run

from ganglion.core.errors import ConfigError, GanglionError, NotFound, Refused
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Zone
from ganglion.core.rng import stream
from ganglion.live.identity import certificates
from ganglion.live.identity.authority import Authority, create_authority, invite
from ganglion.live.identity.files import CA_CERT, OFFLINE
from ganglion.live.identity.issuer import WINDOW_S
from ganglion.live.identity.join import join, renew, request_of
from ganglion.live.identity.members import DISABLED, ENROLLED, GONE, Members, read_members
from ganglion.live.identity.node import Identity, accept
from ganglion.live.identity.rotation import rotate
from ganglion.live.insecure import InsecureRoute, join_insecurely
from ganglion.live.membership import Membership
from ganglion.live.wire.lines import Lines
from ganglion.live.wire.neighbour import Ears
from ganglion.live.wire.net import WireNet
from ganglion.protect.access import Role

CLOUD, EDGE, DEVICE = NodeId("cloud"), NodeId("edge-1"), NodeId("device-1")
LAN = Link("lan", 1e8, 1e8, 0.001)
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD), Node(DEVICE, Zone.DEVICE, EDGE)),
    ((EDGE, LAN), (DEVICE, LAN)),
)
DAY_S = 86_400.0


@dataclass
class Place:
    """A node of which the wire and its membership exist."""

    station: Station
    member: Membership
    address: tuple[str, int]


Routes = Callable[[web.Application, Lines], None]


@asynccontextmanager
async def place(
    folder: Path, above: tuple[tuple[str, int], Zone] | None, more: tuple[Routes, ...] = ()
) -> AsyncIterator[Place]:
    """Starts one; ends it."""
    identity = Identity.load(folder)
    station = Station(identity, QUICK, FLEET)
    member = Membership(identity, above, station.net.bar)
    listens = identity.name.zone is not Zone.DEVICE
    address = None if above is None else above[0]
    port = await station.net.start(
        ("127.0.0.1", 0) if listens else None, address, member.authority, [member.add_to, *more]
    )
    member.start()
    try:
        yield Place(station, member, ("127.0.0.1", port or 0))
    finally:
        await member.close()
        await station.net.close()


@asynccontextmanager
async def fleet(folder: Path) -> AsyncIterator[dict[NodeId, Place]]:
    """All three, linked."""
    create_authority(folder / CLOUD)
    async with place(folder / CLOUD, None) as cloud:
        for id, zone in ((EDGE, Zone.EDGE), (DEVICE, Zone.DEVICE)):
            await join(invite(folder / CLOUD, id, 60.0, zone), cloud.address, id, folder / id)
        async with (
            place(folder / EDGE, (cloud.address, Zone.CLOUD)) as edge,
            place(folder / DEVICE, (edge.address, Zone.EDGE)) as device,
        ):
            await edge.station.until(lambda: {peer for peer, up in edge.station.links if up} == {CLOUD, DEVICE})
            yield {CLOUD: cloud, EDGE: edge, DEVICE: device}


def past(authority: Authority, folder: Path, id: NodeId, zone: Zone, days_ago: float) -> None:
    """Gives a member a certificate that ended so many days ago."""
    authority.now_s = lambda: time.time() - (certificates.NODE_DAYS + days_ago) * DAY_S
    accept(folder, authority.issue(certificates.request(key_in(folder), id), id, zone))


def key_in(folder: Path) -> EllipticCurvePrivateKey:
    """The node's key."""
    return certificates.key_of_bytes((folder / "node.key").read_bytes())


async def soon(true: object, timeout_s: float = 10.0) -> None:
    """Until it holds; the test fails when it does not."""
    assert callable(true)
    async with asyncio.timeout(timeout_s):
        while not true():
            await asyncio.sleep(0.01)


def test_an_ended_certificate_is_renewed_within_the_window_and_not_after(tmp_path: Path) -> None:
    async def work() -> None:
        create_authority(tmp_path / CLOUD)
        async with place(tmp_path / CLOUD, None) as cloud:
            await join(invite(tmp_path / CLOUD, EDGE, 60.0), cloud.address, EDGE, tmp_path / EDGE)
            authority = Authority.load(tmp_path / CLOUD)
            past(authority, tmp_path / EDGE, EDGE, Zone.EDGE, 100.0)
            identity = Identity.load(tmp_path / EDGE)
            assert identity.expired(time.time()) and identity.renew_due(time.time())
            await renew(identity, cloud.address)
            assert not identity.expired(time.time())
            past(authority, tmp_path / EDGE, EDGE, Zone.EDGE, WINDOW_S / DAY_S + 1)
            with pytest.raises(Refused, match="it could be renewed for 180"):
                await renew(Identity.load(tmp_path / EDGE), cloud.address)

    run(work())


def test_a_device_renews_through_its_edge_of_itself_though_its_certificate_has_ended(tmp_path: Path) -> None:
    async def work() -> None:
        create_authority(tmp_path / CLOUD)
        async with place(tmp_path / CLOUD, None) as cloud:
            for id, zone in ((EDGE, Zone.EDGE), (DEVICE, Zone.DEVICE)):
                await join(invite(tmp_path / CLOUD, id, 60.0, zone), cloud.address, id, tmp_path / id)
            past(Authority.load(tmp_path / CLOUD), tmp_path / DEVICE, DEVICE, Zone.DEVICE, 3.0)
            async with (
                place(tmp_path / EDGE, (cloud.address, Zone.CLOUD)) as edge,
                place(tmp_path / DEVICE, (edge.address, Zone.EDGE)) as device,
            ):
                await edge.station.until(lambda: (DEVICE, True) in edge.station.links)
                assert not device.station.identity.expired(time.time())

    run(work())


def test_only_the_holder_of_the_enrolled_key_can_renew(tmp_path: Path) -> None:
    create_authority(tmp_path / CLOUD)
    authority = Authority.load(tmp_path / CLOUD)
    enrol(authority, tmp_path / EDGE, EDGE)
    leaf = certificates.certificate_of_bytes((tmp_path / EDGE / "node.pem").read_bytes())
    pem, own = certificates.to_bytes([leaf]), certificates.request(key_in(tmp_path / EDGE), EDGE)
    assert authority.renew(own, pem).certificate
    thief = certificates.request(certificates.new_key(), EDGE)
    with pytest.raises(Refused, match="over its own key alone"):
        authority.renew(thief, pem)
    with pytest.raises(Refused, match="another authority"):
        create_authority(tmp_path / "other").renew(own, pem)
    with pytest.raises(Refused, match="cannot be renewed"):
        authority.renew(own, b"no certificate")
    enrol(authority, tmp_path / "again", EDGE)  # a new disk, a new key: the old one is out
    with pytest.raises(Refused, match="not enrolled with this key"):
        authority.renew(own, pem)
    assert request_of(tmp_path / EDGE)


def enrol(authority: Authority, folder: Path, id: NodeId) -> None:
    """Without a network."""
    from ganglion.live.identity.messages import token_of
    from ganglion.live.identity.node import key_of

    token = token_of(authority.invite(id, Zone.EDGE, 60.0))
    accept(folder, authority.enrol(token.id, token.secret, id, certificates.request(key_of(folder), id)))


@pytest.mark.parametrize("who", [EDGE, DEVICE])
def test_disabling_ends_connections_at_once_and_keeps_out_until_enabled(tmp_path: Path, who: NodeId) -> None:
    async def work() -> None:
        async with fleet(tmp_path) as nodes:
            upper = nodes[CLOUD if who == EDGE else EDGE].station
            authority, began_s = Authority.load(tmp_path / CLOUD), time.monotonic()
            authority.change(who, DISABLED)
            await upper.until(lambda: (who, False) in upper.links)
            assert time.monotonic() - began_s < 5.0  # 0.3 s where nothing else runs
            count = len(upper.links)
            with pytest.raises(Refused, match="is disabled"):
                await renew(nodes[who].station.identity, nodes[CLOUD].address)
            assert (who, True) not in upper.links[count:]
            authority.change(who, ENROLLED)
            await upper.until(lambda: (who, True) in upper.links[count:])

    run(work())


def test_an_edge_keeps_out_whom_it_was_told_of_without_the_cloud(tmp_path: Path) -> None:
    async def work() -> None:
        async with fleet(tmp_path) as nodes:
            edge = nodes[EDGE]
            Authority.load(tmp_path / CLOUD).change(DEVICE, DISABLED)
            await edge.station.until(lambda: (DEVICE, False) in edge.station.links)
        nowhere = ("127.0.0.1", 1)
        async with (
            place(tmp_path / EDGE, (nowhere, Zone.CLOUD)) as edge,
            place(tmp_path / DEVICE, (edge.address, Zone.EDGE)) as device,
        ):
            await soon(lambda: "is disabled" in device.station.net.trouble)
            assert edge.station.links == []

    run(work())


def test_both_authorities_are_replaced_under_load_and_nothing_fails(tmp_path: Path) -> None:
    async def work() -> None:
        async with fleet(tmp_path) as nodes:
            roots = Authority.load(tmp_path / CLOUD).roots
            sent, stop = 0, False

            async def load() -> None:
                nonlocal sent
                while not stop:
                    nodes[DEVICE].station.send(EDGE, parcel(4))
                    nodes[EDGE].station.send(CLOUD, parcel(4))
                    sent += 1
                    await asyncio.sleep(0.002)

            loading = asyncio.ensure_future(load())
            for step in ("begin", "switch"):
                rotate(tmp_path / CLOUD, step)
                await soon(lambda: not read_members(tmp_path / CLOUD).behind)
            await soon(lambda: len(trusted(tmp_path / DEVICE)) == 2)
            rotate(tmp_path / CLOUD, "finish")
            await soon(lambda: not read_members(tmp_path / CLOUD).behind)
            stop = True
            await loading
            for id in (EDGE, DEVICE):
                assert nodes[id].station.failed == []
                await soon(lambda id=id: len(trusted(tmp_path / id)) == 1)
                assert trusted(tmp_path / id)[0] not in roots
            await nodes[CLOUD].station.until(lambda: len(nodes[CLOUD].station.heard) == sent)
            await nodes[EDGE].station.until(lambda: len(nodes[EDGE].station.heard) == sent)
            await fresh_connections(tmp_path, nodes)

    run(work())


def trusted(folder: Path) -> list[Certificate]:
    """The roots that a node trusts."""
    return certificates.certificates_of_bytes((folder / CA_CERT).read_bytes())


def issuer_of(folder: Path) -> Name:
    """Who signed the certificate that a node shows."""
    return Identity.load(folder).certificate.issuer


async def fresh_connections(folder: Path, nodes: dict[NodeId, Place]) -> None:
    """Whoever dials now does so under the new root on both sides."""
    identity = Identity.load(folder / EDGE)
    heard: list[bool] = []
    ears = Ears(lambda *_: None, lambda _, up: heard.append(up))
    net = WireNet(identity, FLEET, CODEC, ears, stream(2, "fresh"), QUICK)
    await net.start(None, nodes[CLOUD].address)
    await soon(lambda: True in heard)
    await net.close()
    links = nodes[EDGE].station.links
    await nodes[EDGE].station.until(lambda: [up for peer, up in links if peer == CLOUD][-1])


def test_steps_of_a_rotation_keep_their_order_and_wait_for_everybody(tmp_path: Path) -> None:
    authority = create_authority(tmp_path / CLOUD)
    with pytest.raises(NotFound, match="begin a rotation first"):
        rotate(tmp_path / CLOUD, "switch")
    enrol(authority, tmp_path / EDGE, EDGE)
    rotate(tmp_path / CLOUD, "begin")
    for step, error, why in (
        ("begin", ConfigError, "has begun already"),
        ("switch", Refused, "edge-1 did not renew"),
        ("twist", Refused, "did not renew"),
    ):
        with pytest.raises(error, match=why):
            rotate(tmp_path / CLOUD, step)
    rotate(tmp_path / CLOUD, "switch", anyway=True)
    rotate(tmp_path / CLOUD, "finish", anyway=True)
    with pytest.raises(GanglionError):
        rotate(tmp_path / CLOUD, "finish", anyway=True)
    assert len(list((tmp_path / CLOUD / OFFLINE).glob("*-root.key"))) == 2


def test_who_was_decommissioned_needs_a_new_key_and_a_new_invitation() -> None:
    members = Members()
    members.enrol("edge-1", "a" * 64)
    members.change("edge-1", GONE)
    with pytest.raises(Refused, match="decommissioned"):
        members.change("edge-1", ENROLLED)
    with pytest.raises(Refused, match="with this key"):
        members.enrol("edge-1", "a" * 64)
    assert members.news.barred == ("edge-1",)
    members.enrol("edge-1", "b" * 64)
    assert not members.news.barred
    members.change("edge-1", DISABLED)
    with pytest.raises(Refused, match="is disabled"):
        members.enrol("edge-1", "c" * 64)
    with pytest.raises(NotFound, match="no member"):
        members.change("nobody", DISABLED)
    with pytest.raises(Refused, match="is the name of a node already"):
        members.enrol("edge-1", "d" * 64, "OPERATOR")
    before = members.version
    members.change("edge-1", DISABLED)
    assert members.version == before


def test_a_machine_is_no_person(tmp_path: Path) -> None:
    authority = create_authority(tmp_path)
    with pytest.raises(ConfigError, match="a device is no person"):
        authority.invite_person("eve", Role.DEVICE, 60.0)


def test_who_joins_insecurely_is_named_aloud_and_must_be_in_the_fleet_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        create_authority(tmp_path / CLOUD)
        route = InsecureRoute(Authority.load(tmp_path / CLOUD))
        async with place(tmp_path / CLOUD, None, (route.add_to,)) as cloud:
            identity = await join_insecurely(cloud.address, EDGE, tmp_path / EDGE)
            assert identity.name.zone is Zone.EDGE
            with pytest.raises(Refused, match="no node 'stranger'"):
                await join_insecurely(cloud.address, "stranger", tmp_path / "stranger")
            with pytest.raises(Refused, match="for this machine alone"):
                await join_insecurely(("192.0.2.1", 1), EDGE, tmp_path / "far")
            async with place(tmp_path / EDGE, (cloud.address, Zone.CLOUD)) as edge:
                await edge.station.linked()

    with caplog.at_level(logging.WARNING):
        run(work())
    said = [record.message for record in caplog.records if "INSECURE" in record.message]
    assert len(said) == 2 and "edge-1 joins without a token" in said[1]


def test_without_the_flag_nobody_joins_without_a_token(tmp_path: Path) -> None:
    async def work() -> None:
        create_authority(tmp_path / CLOUD)
        async with place(tmp_path / CLOUD, None) as cloud:
            with pytest.raises(GanglionError):
                await join_insecurely(cloud.address, EDGE, tmp_path / EDGE)

    run(work())


def test_the_issuing_authority_alone_is_replaced_under_load_by_a_key_that_is_kept_elsewhere(tmp_path: Path) -> None:
    async def work() -> None:
        async with fleet(tmp_path) as nodes:
            cloud, medium, before = tmp_path / CLOUD, tmp_path / "medium", Authority.load(tmp_path / CLOUD)
            (cloud / OFFLINE).rename(medium)
            with pytest.raises(NotFound, match="bring the root's key"):
                rotate(cloud, "issuer")
            rotate(cloud, "issuer", offline=medium)
            with pytest.raises(ConfigError, match="begun already"):
                rotate(cloud, "issuer", offline=medium)
            await soon(lambda: not read_members(cloud).behind)
            for id in (EDGE, DEVICE):
                assert trusted(tmp_path / id) == before.roots
                await soon(lambda id=id: issuer_of(tmp_path / id) == Authority.load(cloud).issuers[0].subject)
                assert issuer_of(tmp_path / id) != before.issuers[0].subject
                assert nodes[id].station.failed == []
            rotate(cloud, "finish")
            assert len(Authority.load(cloud).issuers) == 1
            old = before.issue(certificates.request(key_in(tmp_path / EDGE), EDGE), EDGE, Zone.EDGE).certificate
            with pytest.raises(Refused, match="certified by another authority"):
                Authority.load(cloud).renew(certificates.request(key_in(tmp_path / EDGE), EDGE), old)
            await soon(lambda: not read_members(cloud).behind)
            await fresh_connections(tmp_path, nodes)

    run(work())
