"""A cloud's backup: whole or refused, and what is made of it stands above all that nodes have seen since."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from ganglion.core.errors import ConfigError, Corrupt, NotFound, Refused
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, Zone
from ganglion.core.ports import Put
from ganglion.live.agent_file import STATE
from ganglion.live.backup import GAP, backup, restore
from ganglion.live.disk import LiveDisk
from ganglion.live.equip import WorkerDisk
from ganglion.live.identity.authority import Authority, create_authority
from ganglion.live.identity.files import METADATA_ROOT
from ganglion.live.identity.members import read_members
from ganglion.live.identity.metadata import check, publish
from ganglion.live.identity.vault import LocalVault
from ganglion.node.bodies import make_codec
from ganglion.node.loaded import RELEASES
from ganglion.node.numbers import next_number

EDGE = NodeId("edge-1")


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """With a release, a sealed blob and an open invitation; its process runs."""
    home = tmp_path / "cloud"
    create_authority(home)
    Authority.load(home).invite(EDGE, Zone.EDGE, 600.0)
    disk = LiveDisk(home / STATE, LocalVault(home), lambda call: call())
    disk.put([b"pixels"], PUBLIC_RAW)
    disk.commit([Put(RELEASES, "4", b"")], lambda: None)
    disk.close()
    return home


def copy_of(home: Path) -> bytes:
    out = io.BytesIO()
    assert backup(home, out) > 5
    return out.getvalue()


def incarnation(home: Path) -> str:
    with sqlite3.connect(home / STATE / "state.db") as rows:
        return str(rows.execute("SELECT value FROM facts WHERE name = 'incarnation'").fetchone()[0])


def test_what_comes_back_is_the_cloud_and_goes_on_above_it(cloud: Path, tmp_path: Path) -> None:
    made = restore(io.BytesIO(copy_of(cloud)), tmp_path / "again")
    again, codec = tmp_path / "again", make_codec()
    disk = WorkerDisk(again / STATE, LocalVault(again))
    assert [row.key for row in disk.scan(RELEASES)] == ["4"]
    assert made.next_number == next_number(disk, codec) == 5 + GAP
    assert incarnation(again) != incarnation(cloud)
    assert read_members(again).version == read_members(cloud).version + GAP
    assert LocalVault(cloud).verify(b"x", LocalVault(again).sign(b"x"))  # the same key signs
    assert not (again / "offline").exists() and not list(again.rglob("invites/*"))
    assert all(path.stat().st_mode & 0o077 == 0 for path in again.rglob("*.key"))


def test_nodes_that_saw_newer_metadata_take_what_a_restored_cloud_signs(cloud: Path, tmp_path: Path) -> None:
    copy, node = copy_of(cloud), tmp_path / "node"
    node.mkdir()
    (node / METADATA_ROOT).write_bytes((cloud / METADATA_ROOT).read_bytes())
    for late in (b"release 5", b"release 6"):
        check(node, late, publish(cloud, late))
    restore(io.BytesIO(copy), tmp_path / "again")
    check(node, b"release 1005", publish(tmp_path / "again", b"release 1005"))
    with pytest.raises(Refused, match="metadata"):  # the old cloud's word counts no more
        check(node, b"release 7", publish(cloud, b"release 7"))


def test_a_damaged_backup_makes_no_folder(cloud: Path, tmp_path: Path) -> None:
    copy = copy_of(cloud)
    at = copy.index(b"PRIVATE KEY") + 60  # inside a key
    for bad in (b"", copy[: len(copy) // 2], copy[:-30_000], copy[:at] + b"?" + copy[at + 1 :], b"no tar" * 1000):
        with pytest.raises(Corrupt, match="copy of it"):
            restore(io.BytesIO(bad), tmp_path / "again")
        assert not (tmp_path / "again").exists() and not list(tmp_path.glob(".again*"))


def test_nothing_is_replaced_and_only_clouds_are_kept(cloud: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not empty"):
        restore(io.BytesIO(copy_of(cloud)), cloud)
    with pytest.raises(NotFound, match="no cloud's folder"):
        backup(tmp_path, io.BytesIO())
