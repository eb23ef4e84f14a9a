"""Erasing a tier destroys its key: what was sealed opens no more, not even from a copy; everything else stays."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from wire_fleet import CLOUD, identities

from ganglion.core.errors import ConfigError, Corrupt, NotFound, Refused
from ganglion.core.label import PUBLIC_RAW, Form, Label, Tier
from ganglion.core.ref import Ref
from ganglion.live.agent_file import STATE
from ganglion.live.disk import LiveDisk
from ganglion.live.disk.collect import Collector
from ganglion.live.equip import WorkerDisk
from ganglion.live.erasing import erase
from ganglion.live.identity.vault import LocalVault
from ganglion.live.tidy import Tidy
from ganglion.node.auditing import read
from ganglion.node.bodies import make_codec

SECRET = b"a picture of the user" * 100


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A node's folder with a blob of each kind."""
    identities(tmp_path)
    return tmp_path / CLOUD


def kept(home: Path) -> dict[Tier, Ref]:
    """One blob of each tier, and a user's that was still arriving."""
    disk = WorkerDisk(home / STATE, LocalVault(home))
    refs = {tier: disk.put([bytes([tier]) + SECRET], Label(tier, Form.RAW)) for tier in Tier}
    live = LiveDisk(home / STATE, LocalVault(home), lambda call: None)
    live.patch(Ref("a" * 64, 5000, Label(Tier.USER, Form.RAW)), 0, SECRET[:1000])
    live.close()
    return refs


def test_an_erased_tier_opens_no_more_and_the_others_do(home: Path, tmp_path: Path) -> None:
    refs = kept(home)
    shutil.copytree(home / STATE, tmp_path / "stolen")
    erased = erase(home, Tier.USER, "alice", make_codec())
    assert erased.key and erased.files == 2 and erased.size_bytes > len(SECRET)
    disk = WorkerDisk(home / STATE, LocalVault(home))
    for tier, ref in refs.items():
        if tier is Tier.USER:
            with pytest.raises(NotFound):
                disk.get(ref)
        else:
            assert disk.get(ref) == bytes([tier]) + SECRET
    with pytest.raises(Corrupt):  # the node has a fresh key by now
        WorkerDisk(tmp_path / "stolen", LocalVault(home)).get(refs[Tier.USER])
    assert not any((home / STATE / "arriving").iterdir())


def test_erasing_is_in_the_audit_log_and_once_more_is_nothing(home: Path) -> None:
    kept(home)
    codec = make_codec()
    assert erase(home, Tier.EDGE, "alice", codec).files == 1
    assert erase(home, Tier.EDGE, "alice", codec).files == 0
    log = [codec.decode(one.record).act for one in read(WorkerDisk(home / STATE, LocalVault(home)), codec)]
    assert [(one.act, one.what, one.why) for one in log] == [
        ("erased", f"tier edge: {count} blobs", "alice") for count in (1, 0)
    ]


def test_what_runs_or_is_public_is_not_erased(home: Path) -> None:
    refs = kept(home)
    with pytest.raises(Refused, match="public"):
        erase(home, Tier.PUBLIC, "alice", make_codec())
    running = LiveDisk(home / STATE, LocalVault(home), lambda call: None)
    with pytest.raises(ConfigError, match="in use by another node"):
        erase(home, Tier.USER, "alice", make_codec())
    running.close()
    assert WorkerDisk(home / STATE, LocalVault(home)).get(refs[Tier.USER]) == bytes([Tier.USER]) + SECRET
    assert PUBLIC_RAW.tier is Tier.PUBLIC


@pytest.mark.parametrize("behind_s", [0.0, 1e9])
def test_a_clock_that_jumps_makes_no_file_older(home: Path, behind_s: float) -> None:
    """`began_s` is what the clock said at the start: it has jumped ahead since, or was set back."""
    disk = LiveDisk(home / STATE, LocalVault(home), lambda call: None)
    tidy = Tidy(None, disk, Collector(home / STATE, lambda ref, start, size: b""))  # type: ignore[arg-type]
    tidy.began_s += -behind_s if behind_s else 1e9
    assert tidy.wall_s() <= time.time() and (tidy.wall_s() < time.time() - 1e8) is bool(behind_s)
    disk.close()
