"""Signatures, seals and the audit log: whatever is changed, swapped, moved or cut off is noticed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.errors import ConfigError, Corrupt
from ganglion.core.label import Form, Label, Tier
from ganglion.protect import Entry, entry, open_sealed, public_key, seal, sign, verify, verify_chain
from ganglion.protect.sign import encode

KEY = bytes(range(32))
LABEL = Label(Tier.USER, Form.RAW)
ANY_LABEL = st.builds(Label, st.sampled_from(Tier), st.sampled_from(Form))


def test_a_known_key_signs_as_the_standard_says() -> None:
    """RFC 8032, section 7.1, test 1: the key pair."""
    private = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert public_key(private) == public
    signature = sign(private, b"manifest", "kind")
    Ed25519PublicKey.from_public_bytes(public).verify(signature, b"DSSEv1 4 kind 8 manifest")


@given(payload=st.binary(max_size=200), place=st.integers(0, 10_000), kind=st.text(max_size=20))
def test_only_exactly_what_was_signed_verifies(payload: bytes, place: int, kind: str) -> None:
    signature, public = sign(KEY, payload, kind), public_key(KEY)
    assert verify(public, payload, signature, kind)
    assert not verify(public, payload + b" ", signature, kind)
    assert not verify(public, payload, signature, kind + "x")
    assert not verify(public_key(bytes(32)), payload, signature, kind)
    bent = bytearray(signature)
    bent[place % len(bent)] ^= 1 << place % 8
    assert not verify(public, payload, bytes(bent), kind)
    assert not verify(public, payload, signature[:-1], kind)


@given(st.text(max_size=8), st.binary(max_size=8), st.text(max_size=8), st.binary(max_size=8))
def test_two_things_are_never_encoded_alike(kind: str, body: bytes, other_kind: str, other: bytes) -> None:
    assert (encode(body, kind) == encode(other, other_kind)) == ((body, kind) == (other, other_kind))


def test_a_key_of_another_form_is_refused_without_being_shown() -> None:
    secret = b"-----BEGIN PRIVATE KEY----- hush"
    for use in (lambda: sign(secret + b"!", b""), lambda: public_key(secret[:-1]), lambda: verify(b"", b"", b"")):
        with pytest.raises(ConfigError, match="32 bytes") as caught:
            use()
        assert "hush" not in str(caught.value)


@given(plain=st.binary(max_size=300), nonce=st.binary(min_size=12, max_size=12), label=ANY_LABEL)
def test_what_is_sealed_opens_under_its_label_alone(plain: bytes, nonce: bytes, label: Label) -> None:
    sealed = seal(KEY, plain, label, nonce)
    assert open_sealed(KEY, sealed, label) == plain
    assert len(sealed) == len(plain) + 3 + 12 + 16
    for other in (Label(tier, form) for tier in Tier for form in Form):
        if other != label:
            with pytest.raises(Corrupt, match="another key or label"):
                open_sealed(KEY, sealed, other)
    with pytest.raises(Corrupt):
        open_sealed(bytes(32), sealed, label)


@given(place=st.integers(0, 10_000))
def test_every_bit_of_a_seal_counts(place: int) -> None:
    sealed = bytearray(seal(KEY, b"a reading that stays here", LABEL, b"twelve bytes"))
    sealed[place % len(sealed)] ^= 1 << place % 8
    with pytest.raises(Corrupt):
        open_sealed(KEY, bytes(sealed), LABEL)


def test_a_seal_hides_what_it_holds() -> None:
    plain = b"a reading that stays here" * 20
    sealed = seal(KEY, plain, LABEL, b"twelve bytes")
    assert not any(plain[start : start + 4] in sealed for start in range(len(plain) - 4))
    assert seal(KEY, plain, LABEL, b"other bytes!") != sealed


@pytest.mark.parametrize("raw", [b"", b"gs1", b"gs2" + bytes(40), bytes(60)])
def test_what_is_no_seal_is_called_that(raw: bytes) -> None:
    with pytest.raises(Corrupt, match="not sealed by this version"):
        open_sealed(KEY, raw, LABEL)


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="32 bytes, got 16"):
        seal(KEY[:16], b"", LABEL, bytes(12))
    with pytest.raises(ValueError, match="12 bytes, got 8"):
        seal(KEY, b"", LABEL, bytes(8))


def log(records: list[bytes]) -> list[Entry]:
    entries: list[Entry] = []
    for record in records:
        entries.append(entry(entries[-1] if entries else None, record))
    return entries


@given(st.lists(st.binary(max_size=20), min_size=2, max_size=8), st.data())
def test_whatever_is_done_to_a_log_is_noticed(records: list[bytes], data: st.DataObject) -> None:
    entries = log(records)
    head = entries[-1].digest
    assert verify_chain(entries, head) == len(records)
    place = data.draw(st.integers(0, len(entries) - 1))
    changed = replace(entries[place], record=entries[place].record + b"x")
    with pytest.raises(Corrupt, match="not what was written"):
        verify_chain([*entries[:place], changed, *entries[place + 1 :]], head)
    with pytest.raises(Corrupt):
        verify_chain([*entries[:place], *entries[place + 1 :]], head)
    rewritten = entry(entries[place - 1] if place else None, entries[place].record + b"x")
    with pytest.raises(Corrupt):
        verify_chain([*entries[:place], rewritten, *entries[place + 1 :]], head)
    other = data.draw(st.integers(0, len(entries) - 1).filter(lambda n: n != place))
    swapped = list(entries)
    swapped[place], swapped[other] = swapped[other], swapped[place]
    with pytest.raises(Corrupt, match="moved or removed"):
        verify_chain(swapped, head)


def test_an_end_that_was_cut_off_needs_a_witness() -> None:
    entries = log([b"one", b"two", b"three"])
    assert verify_chain(entries[:2]) == 2
    with pytest.raises(Corrupt, match="its end was cut off"):
        verify_chain(entries[:2], entries[-1].digest)
    assert verify_chain(entries, entries[0].digest) == 3  # a witness may be behind
    assert verify_chain([]) == 0
