"""Enrolment over the one port: a token works once, in time, whole, and only at the authority it names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from wire_fleet import CLOUD, EDGE, Station, admit, parcel, run

from ganglion.core.errors import ConfigError, NotFound, Refused, Unreachable
from ganglion.core.fleet import NodeId
from ganglion.core.label import Zone
from ganglion.live.identity.authority import TRIES, Authority, create_authority, invite
from ganglion.live.identity.join import join, renew
from ganglion.live.identity.messages import Token, token_of
from ganglion.live.identity.names import name_of_uri
from ganglion.live.identity.node import Identity


async def serving(folder: Path) -> tuple[Station, tuple[str, int]]:
    """A cloud that enrols."""
    authority = create_authority(folder / "cloud")
    cloud = Station(Identity.load(folder / "cloud"))
    port = await cloud.net.start(("127.0.0.1", 0), None, authority)
    return cloud, ("127.0.0.1", port or 0)


def test_a_token_makes_a_node_that_can_talk(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, address = await serving(tmp_path)
        token = invite(tmp_path / "cloud", EDGE, 60.0)
        identity = await join(token, address, EDGE, tmp_path / "edge")
        assert identity.name.uri == "spiffe://ganglion/home/edge/edge-1"
        edge = Station(identity)
        await edge.net.start(None, address)
        await edge.linked()
        edge.send(CLOUD, parcel(4))
        assert (await cloud.hears()).body.samples == 4
        assert stat.S_IMODE(os.stat(tmp_path / "edge" / "node.key").st_mode) == 0o600
        assert not (tmp_path / "edge" / "ca.key").exists() and not (tmp_path / "edge" / "release.key").exists()
        before = identity.certificate.serial_number
        await renew(identity, address)
        assert identity.certificate.serial_number != before
        assert not identity.renew_due(identity.certificate.not_valid_before_utc.timestamp())
        assert identity.renew_due(identity.certificate.not_valid_after_utc.timestamp() - 86_400)
        await edge.net.close()
        await cloud.net.close()

    run(work())


def _wrong(token: Token) -> str:
    return str(Token(token.id, bytes(32), token.authority))


def _unknown(token: Token) -> str:
    return str(Token("0" * 16, token.secret, token.authority))


def _elsewhere(token: Token) -> str:
    return str(Token(token.id, token.secret, bytes(32)))


@pytest.mark.parametrize(
    ("change", "why"),
    [(_wrong, "has another secret"), (_unknown, "not known here"), (_elsewhere, "another authority than the token")],
)
def test_a_wrong_token_is_refused(tmp_path: Path, change: Callable[[Token], str], why: str) -> None:
    async def work() -> None:
        cloud, address = await serving(tmp_path)
        token = invite(tmp_path / "cloud", EDGE, 60.0)
        with pytest.raises(Refused, match=why):
            await join(change(token_of(token)), address, EDGE, tmp_path / "edge")
        with pytest.raises(NotFound):
            Identity.load(tmp_path / "edge")
        await cloud.net.close()

    run(work())


def test_a_used_an_expired_and_a_foreign_token_are_refused(tmp_path: Path) -> None:
    async def work() -> None:
        cloud, address = await serving(tmp_path)
        token = invite(tmp_path / "cloud", EDGE, 60.0)
        with pytest.raises(Refused, match="invites 'edge-1', not 'edge-2'"):
            await join(token, address, "edge-2", tmp_path / "edge-2")
        await join(token, address, EDGE, tmp_path / "edge")
        with pytest.raises(Refused, match="already been used"):
            await join(token, address, EDGE, tmp_path / "thief")
        old = invite(tmp_path / "cloud", EDGE, 0.0)
        with pytest.raises(Refused, match="has expired"):
            await join(old, address, EDGE, tmp_path / "late")
        await cloud.net.close()

    run(work())


def test_nobody_answers(tmp_path: Path) -> None:
    async def work() -> None:
        create_authority(tmp_path / "cloud")
        token = invite(tmp_path / "cloud", EDGE, 60.0)
        with pytest.raises(Unreachable, match="did not answer"):
            await join(token, ("127.0.0.1", 1), EDGE, tmp_path / "edge")

    run(work())


def test_only_the_cloud_may_take_a_token(tmp_path: Path) -> None:
    """An edge with a good certificate that plays the cloud is not even shown the token."""

    async def work() -> None:
        authority = create_authority(tmp_path / "cloud")
        impostor = Station(admit(authority, EDGE, Zone.EDGE, tmp_path / "edge"))
        port = await impostor.net.start(("127.0.0.1", 0), None, authority)
        token = invite(tmp_path / "cloud", NodeId("edge-2"), 60.0)
        with pytest.raises(Unreachable, match="certificate"):
            await join(token, ("127.0.0.1", port or 0), "edge-2", tmp_path / "edge-2")
        await impostor.net.close()
        await join_directly(authority, token, tmp_path / "edge-2")  # so it was never spent

    async def join_directly(authority: Authority, token: str, folder: Path) -> None:
        read = token_of(token)
        from ganglion.live.identity.certificates import request
        from ganglion.live.identity.node import key_of

        authority.enrol(read.id, read.secret, NodeId("edge-2"), request(key_of(folder), "edge-2"))

    run(work())


def test_a_token_burns_after_bad_tries(tmp_path: Path) -> None:
    authority = create_authority(tmp_path / "cloud")
    token = token_of(authority.invite(EDGE, Zone.EDGE, 60.0))
    for _ in range(TRIES):
        with pytest.raises(Refused, match="another secret"):
            authority.enrol(token.id, bytes(32), EDGE, b"")
    with pytest.raises(Refused, match="burnt"):
        authority.enrol(token.id, token.secret, EDGE, b"")


def test_secrets_are_kept_hashed_and_private(tmp_path: Path) -> None:
    authority = create_authority(tmp_path / "cloud")
    token = token_of(authority.invite(EDGE, Zone.EDGE, 60.0))
    assert token.secret.hex() not in repr(token) and str(token.secret) not in repr(token)
    for path in sorted((tmp_path / "cloud").rglob("*")):
        if path.is_file():
            assert token.secret not in path.read_bytes() and token.secret.hex().encode() not in path.read_bytes()
        secret = path.name.endswith(".key") or path.parent.name == "invites"
        assert not secret or stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with pytest.raises(ConfigError, match="already"):
        create_authority(tmp_path / "cloud")


@pytest.mark.parametrize("text", ["", "gn1.a.b.c", "x" * 100, "gn1.00.AAAA.AAAA"])
def test_what_is_no_token_says_so(text: str) -> None:
    with pytest.raises(Refused, match="this is no token"):
        token_of(text)


@pytest.mark.parametrize(
    "uri", ["", "spiffe://other/home/edge/e", "spiffe://ganglion/home/moon/e", "spiffe://ganglion/home/edge/a/b"]
)
def test_other_identities_are_no_nodes(uri: str) -> None:
    with pytest.raises(Refused, match="names no node"):
        name_of_uri(uri)
