"""Keeps keys where they are used: signs releases where the release key is, seals data at rest under a key per tier."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...core.errors import Corrupt, Refused
from ...core.label import Label, Tier
from .files import LATEST, METADATA_ROOT, RELEASE_KEY, RELEASE_PUBLIC, destroy, read, write

MAGIC = b"GS1"  # first bytes of everything sealed; raised when the format changes
NONCE_BYTES = 12
SIGNATURE_BYTES = 64
BUNDLED = b"ganglion release and metadata 1\n"  # what is signed here means nothing elsewhere


class LocalVault:
    """Keys as files in a node's folder. Raises Refused where a key is asked for that this node does not hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ciphers: dict[Tier, AESGCM] = {}

    def sign(self, message: bytes) -> bytes:
        """Ed25519 over a message, with the release key, then the metadata that lists it, where this fleet has such.

        Source: Bernstein et al. 2011, RFC 8032.
        """
        path = self._folder / RELEASE_KEY
        if not path.exists():
            raise Refused("this node holds no release key; releases are signed in the cloud")
        bundle = b""
        if (self._folder / METADATA_ROOT).exists():
            from .metadata import publish  # half of a second that only who signs, or sees a new release, should wait

            bundle = publish(self._folder, message)
        signature = Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign(_whole(message, bundle)) + bundle
        self._remember(message, signature)
        return signature

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the release key signed this message. Raises Refused for a new one whose metadata does not hold.

        What held once holds for good: metadata that ends keeps new releases out, and never stops the one that answers.
        """
        bundle = signature[SIGNATURE_BYTES:]
        if bool(bundle) != (self._folder / METADATA_ROOT).exists():
            return False  # metadata was cut off, or this node could not tell whether it holds
        if not self._signed(_whole(message, bundle), signature[:SIGNATURE_BYTES]):
            return False
        if bundle and not self._accepted(message, signature).exists():
            self._check(message, bundle)
            self._remember(message, signature)
        return True

    def _check(self, message: bytes, bundle: bytes) -> None:
        """By what came with it, or, where that does not hold any more, by the latest that this node was told."""
        from .metadata import check

        try:
            check(self._folder, message, bundle)
        except Refused:
            if not (self._folder / LATEST).exists():
                raise
            check(self._folder, message, (self._folder / LATEST).read_bytes())

    def _accepted(self, message: bytes, signature: bytes) -> Path:
        return self._folder / "accepted" / hashlib.sha256(message + signature).hexdigest()

    def _remember(self, message: bytes, signature: bytes) -> None:
        if len(signature) > SIGNATURE_BYTES:
            write(self._accepted(message, signature), b"")

    def _signed(self, message: bytes, signature: bytes) -> bool:
        remedy = "enrol this node first with `ganglion edge join` or `device join`"
        raw = read(self._folder / RELEASE_PUBLIC, remedy)
        try:
            Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        except InvalidSignature:
            return False
        except ValueError as error:
            raise Corrupt(f"{RELEASE_PUBLIC} holds no Ed25519 key: {error}; enrol again") from error
        return True

    def seal(self, plain: bytes, label: Label) -> bytes:
        """AES-256-GCM under the tier's key; the label is bound to the bytes. Source: NIST SP 800-38D."""
        nonce = os.urandom(NONCE_BYTES)
        return b"".join((MAGIC, nonce, self._cipher(label.tier).encrypt(nonce, plain, _bound(label))))

    def open(self, sealed: bytes, label: Label) -> bytes:
        """What was sealed. Raises Corrupt for changed bytes, another label or another node's key."""
        head = len(MAGIC) + NONCE_BYTES
        if sealed[: len(MAGIC)] != MAGIC or len(sealed) < head + 16:
            raise Corrupt(f"{len(sealed)} bytes were not sealed by this ganglion; delete the blob and fetch it again")
        try:
            return self._cipher(label.tier).decrypt(sealed[len(MAGIC) : head], sealed[head:], _bound(label))
        except InvalidTag:
            raise Corrupt(
                f"sealed bytes do not open as {label.form.name.lower()} of tier {label.tier.name.lower()}: changed, or "
                "sealed under another label or key; delete the blob and fetch it again"
            ) from None

    def destroy(self, tier: Tier) -> bool:
        """Makes everything that was sealed under a tier unreadable for good; whether there was a key for it."""
        self._ciphers.pop(tier, None)
        if there := self._tier_key(tier).exists():
            destroy(self._tier_key(tier))
        return there

    def _tier_key(self, tier: Tier) -> Path:
        return self._folder / f"tier-{tier.name.lower()}.key"

    def _cipher(self, tier: Tier) -> AESGCM:
        known = self._ciphers.get(tier)
        if known is None:
            path = self._tier_key(tier)
            if not path.exists():
                write(path, AESGCM.generate_key(256), secret=True)
            key = path.read_bytes()
            if len(key) != 32:
                raise Corrupt(f"{path} holds {len(key)} bytes instead of 32; restore it from a backup")
            known = self._ciphers[tier] = AESGCM(key)
        return known


def _whole(message: bytes, bundle: bytes) -> bytes:
    """What the release key signs: with metadata, both, so that neither can be exchanged alone."""
    return b"".join((BUNDLED, len(message).to_bytes(8, "big"), message, bundle)) if bundle else message


def _bound(label: Label) -> bytes:
    return MAGIC + bytes((label.tier, label.form))
