"""Signed metadata about releases: what is old, frozen, mixed, forged or under too few keys is refused."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ganglion.core.errors import ConfigError, ProtocolError, Refused
from ganglion.live.identity.files import METADATA_ROOT, OFFLINE, RELEASE_KEY, RELEASE_PUBLIC, write
from ganglion.live.identity.members import News, write_news
from ganglion.live.identity.vault import SIGNATURE_BYTES, LocalVault

pytest.importorskip("tuf", reason="of the extra `sign`: signed metadata about releases")

from ganglion.live.identity.authority import create_authority
from ganglion.live.identity.metadata import FOLDER, check, create_metadata, latest, publish, refresh, replace_root

NOW = datetime.datetime.now(datetime.UTC)


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """A folder that signs."""
    create_metadata(tmp_path / "cloud")
    return tmp_path / "cloud"


@pytest.fixture
def node(cloud: Path, tmp_path: Path) -> Path:
    """A node that trusts the first root."""
    write(tmp_path / "node" / METADATA_ROOT, (cloud / METADATA_ROOT).read_bytes())
    return tmp_path / "node"


def changed(bundle: bytes, name: str, change: Callable[[Any], None]) -> bytes:
    """A bundle in which one file is another."""
    files = msgspec.msgpack.decode(bundle)
    body = json.loads(files[name])
    change(body)
    return msgspec.msgpack.encode({**files, name: json.dumps(body).encode()})


def test_a_current_manifest_holds_and_any_other_does_not(cloud: Path, node: Path) -> None:
    bundle = publish(cloud, b"release 1")
    check(node, b"release 1", bundle)
    check(node, b"release 1", bundle)  # the same again is no rollback
    with pytest.raises(Refused, match="not among the current releases"):
        check(node, b"release 2", bundle)


def test_rollback_an_older_bundle_is_refused_once_a_newer_was_seen(cloud: Path, node: Path) -> None:
    old, new = publish(cloud, b"release 1"), publish(cloud, b"release 2")
    check(node, b"release 2", new)
    check(node, b"release 1", new)  # still listed
    with pytest.raises(Refused, match="BadVersionNumberError"):
        check(node, b"release 1", old)


def test_freeze_metadata_that_has_ended_is_refused(cloud: Path, node: Path) -> None:
    bundle = publish(cloud, b"release 1", NOW - datetime.timedelta(days=8))
    with pytest.raises(Refused, match="ExpiredMetadataError: timestamp"):
        check(node, b"release 1", bundle)
    check(node, b"release 2", publish(cloud, b"release 2"))


@pytest.mark.parametrize("name", ["snapshot.json", "targets.json", "timestamp.json"])
def test_mix_and_match_a_file_of_another_moment_is_refused(cloud: Path, node: Path, name: str) -> None:
    old, new = (msgspec.msgpack.decode(publish(cloud, f"release {n}".encode())) for n in (1, 2))
    check(node, b"release 1", msgspec.msgpack.encode(old))
    mixed = msgspec.msgpack.encode({**new, name: old[name]})
    with pytest.raises(Refused):
        check(node, b"release 2", mixed)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["signed"].update(version=body["signed"]["version"] + 1),
        lambda body: body["signed"].update(expires="2999-01-01T00:00:00Z"),
        lambda body: body["signatures"].clear(),
        lambda body: body["signatures"][0].update(sig="00" * 64),
        lambda body: body["signatures"][0].update(keyid="00" * 32),
        lambda body: body["signed"].update(_type="targets"),
    ],
)
@pytest.mark.parametrize("name", ["snapshot.json", "timestamp.json"])
def test_a_forged_file_is_refused(cloud: Path, node: Path, name: str, change: Callable[[Any], None]) -> None:
    bundle = changed(publish(cloud, b"release 1"), name, change)
    with pytest.raises(Refused, match="does not hold"):
        check(node, b"release 1", bundle)


@pytest.mark.parametrize("missing", ["snapshot.json", "targets.json", "timestamp.json"])
def test_a_missing_file_is_refused(cloud: Path, node: Path, missing: str) -> None:
    files = msgspec.msgpack.decode(publish(cloud, b"release 1"))
    del files[missing]
    with pytest.raises(Refused):
        check(node, b"release 1", msgspec.msgpack.encode(files))
    with pytest.raises(ProtocolError, match="malformed"):
        check(node, b"release 1", b"\xc1")


def test_a_lost_root_key_is_replaced_by_the_other_two(cloud: Path, node: Path) -> None:
    (cloud / OFFLINE / "metadata-root-2.key").unlink()
    with pytest.raises(ConfigError, match="root key 1"):
        replace_root(cloud, 1)
    replace_root(cloud, 2)
    check(node, b"release 1", publish(cloud, b"release 1"))
    assert json.loads((node / "trusted" / "root.json").read_bytes())["signed"]["version"] == 2


def test_a_root_under_one_key_of_three_is_refused(cloud: Path, node: Path) -> None:
    replace_root(cloud, 2)
    bundle = changed(
        publish(cloud, b"release 1"), "2.root.json", lambda body: body["signatures"].__delitem__(slice(1, 3))
    )
    with pytest.raises(Refused, match="UnsignedMetadataError"):
        check(node, b"release 1", bundle)


def test_metadata_that_ends_stops_no_release_that_answers(tmp_path: Path) -> None:
    create_authority(tmp_path / "cloud")
    write(tmp_path / "node" / METADATA_ROOT, (tmp_path / "cloud" / METADATA_ROOT).read_bytes())
    write(tmp_path / "node" / RELEASE_PUBLIC, (tmp_path / "cloud" / RELEASE_PUBLIC).read_bytes())
    cloud, node = LocalVault(tmp_path / "cloud"), LocalVault(tmp_path / "node")
    first = cloud.sign(b"release 1")
    assert node.verify(b"release 1", first)
    later = cloud.sign(b"release 2")
    assert node.verify(b"release 2", later)
    assert node.verify(b"release 1", first)  # older metadata by now, and still the release that may answer
    assert LocalVault(tmp_path / "node").verify(b"release 1", first)
    write(tmp_path / "fresh" / METADATA_ROOT, (tmp_path / "cloud" / METADATA_ROOT).read_bytes())
    write(tmp_path / "fresh" / RELEASE_PUBLIC, (tmp_path / "cloud" / RELEASE_PUBLIC).read_bytes())
    fresh = LocalVault(tmp_path / "fresh")
    assert fresh.verify(b"release 2", later)
    with pytest.raises(Refused, match="BadVersionNumberError"):
        fresh.verify(b"release 1", first)


def test_who_was_away_until_a_release_s_metadata_had_ended_takes_it_by_the_latest(tmp_path: Path) -> None:
    create_authority(tmp_path / "cloud")
    for name in (METADATA_ROOT, RELEASE_PUBLIC):
        write(tmp_path / "node" / name, (tmp_path / "cloud" / name).read_bytes())
    node, days = LocalVault(tmp_path / "node"), tmp_path / "cloud" / FOLDER / "days.json"
    usual = days.read_bytes()
    write(days, msgspec.json.encode({**json.loads(usual), "timestamp": -1}))
    signed = LocalVault(tmp_path / "cloud").sign(b"release 1")  # as if it had been long ago
    with pytest.raises(Refused, match="ExpiredMetadataError"):
        node.verify(b"release 1", signed)
    write_news(tmp_path / "node", News(1, 0, metadata=latest(tmp_path / "cloud")))
    with pytest.raises(Refused, match="ExpiredMetadataError"):
        node.verify(b"release 1", signed)
    write(days, usual)
    assert refresh(tmp_path / "cloud") and not refresh(tmp_path / "cloud")
    write_news(tmp_path / "node", News(2, 0, metadata=latest(tmp_path / "cloud")))
    assert node.verify(b"release 1", signed)


def test_metadata_cannot_be_cut_off_or_exchanged(tmp_path: Path) -> None:
    create_authority(tmp_path)
    vault = LocalVault(tmp_path)
    one, two = vault.sign(b"release 1"), vault.sign(b"release 2")
    assert not vault.verify(b"release 1", one[:SIGNATURE_BYTES])
    assert not vault.verify(b"release 1", one[:SIGNATURE_BYTES] + two[SIGNATURE_BYTES:])
    assert not vault.verify(b"release 2", one)
    key = (tmp_path / RELEASE_KEY).read_bytes()
    assert not any(key in path.read_bytes() for path in (tmp_path / "metadata").glob("*") if path.is_file())
