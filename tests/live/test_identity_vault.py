"""The vault: what is signed verifies, what is sealed opens, and only as what it was and where it was."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wire_fleet import EDGE, identities

from ganglion.core.errors import Corrupt, Refused
from ganglion.core.label import Form, Label, Tier
from ganglion.live.identity.vault import LocalVault

USER = Label(Tier.USER, Form.RAW)


def test_the_cloud_signs_and_nodes_only_verify(tmp_path: Path) -> None:
    identities(tmp_path)
    cloud, edge = LocalVault(tmp_path / "cloud"), LocalVault(tmp_path / "edge")
    signature = cloud.sign(b"release 7")
    assert edge.verify(b"release 7", signature)
    assert not edge.verify(b"release 8", signature)
    assert not edge.verify(b"release 7", bytes(64))
    with pytest.raises(Refused, match="no release key"):
        edge.sign(b"release 7")
    assert EDGE


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plain=st.binary(max_size=200), at=st.integers(0, 10_000), tier=st.sampled_from(Tier), form=st.sampled_from(Form))
def test_sealed_bytes_open_unless_one_bit_changed(
    tmp_path: Path, plain: bytes, at: int, tier: Tier, form: Form
) -> None:
    vault, label = LocalVault(tmp_path), Label(tier, form)
    sealed = vault.seal(plain, label)
    assert vault.open(sealed, label) == plain
    assert len(plain) < 8 or plain not in sealed
    changed = bytearray(sealed)
    changed[at % len(sealed)] ^= 1
    with pytest.raises(Corrupt):
        vault.open(bytes(changed), label)


def test_a_label_is_bound_to_the_bytes(tmp_path: Path) -> None:
    vault = LocalVault(tmp_path)
    sealed = vault.seal(b"picture", USER)
    for other in (Label(Tier.EDGE, Form.RAW), Label(Tier.USER, Form.UPDATE)):
        with pytest.raises(Corrupt, match="another label or key"):
            vault.open(sealed, other)
    with pytest.raises(Corrupt, match="not sealed"):
        vault.open(b"GS1", USER)


def test_keys_stay_and_stay_private(tmp_path: Path) -> None:
    sealed = LocalVault(tmp_path).seal(b"x", USER)
    assert sealed != LocalVault(tmp_path).seal(b"x", USER)  # a fresh nonce each time
    assert LocalVault(tmp_path).open(sealed, USER) == b"x"
    assert stat.S_IMODE((tmp_path / "tier-user.key").stat().st_mode) == 0o600
    (tmp_path / "tier-user.key").write_bytes(b"short")
    with pytest.raises(Corrupt, match="instead of 32"):
        LocalVault(tmp_path).open(sealed, USER)
