"""Keeps keys where they are used: signs releases where the release key is, seals data at rest under a key per tier."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ...core.errors import Corrupt, Refused
from ...core.label import Label, Tier
from .files import RELEASE_KEY, RELEASE_PUBLIC, read, write

MAGIC = b"GS1"  # first bytes of everything sealed; raised when the format changes
NONCE_BYTES = 12


class LocalVault:
    """Keys as files in a node's folder. Raises Refused where a key is asked for that this node does not hold."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ciphers: dict[Tier, AESGCM] = {}

    def sign(self, message: bytes) -> bytes:
        """Ed25519 over a message, with the release key. Source: Bernstein et al. 2011, RFC 8032."""
        path = self._folder / RELEASE_KEY
        if not path.exists():
            raise Refused("this node holds no release key; releases are signed in the cloud")
        return Ed25519PrivateKey.from_private_bytes(path.read_bytes()).sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the release key signed this message."""
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

    def _cipher(self, tier: Tier) -> AESGCM:
        known = self._ciphers.get(tier)
        if known is None:
            path = self._folder / f"tier-{tier.name.lower()}.key"
            if not path.exists():
                write(path, AESGCM.generate_key(256), secret=True)
            key = path.read_bytes()
            if len(key) != 32:
                raise Corrupt(f"{path} holds {len(key)} bytes instead of 32; restore it from a backup")
            known = self._ciphers[tier] = AESGCM(key)
        return known


def _bound(label: Label) -> bytes:
    return MAGIC + bytes((label.tier, label.form))
