"""Data at rest above `public`: encrypted and bound to its label, so that a label cannot be swapped on the disk."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..core.errors import ConfigError, Corrupt
from ..core.label import Label

FORMAT = b"gs1"  # ganglion sealed, version 1
NONCE_BYTES = 12
TAG_BYTES = 16
KEY_BYTES = 32


def seal(key: bytes, plain: bytes, label: Label, nonce: bytes) -> bytes:
    """Format, nonce, ciphertext and tag. `nonce`: 12 random bytes, never again with this key (2^32 seals at most).

    Source: AES-256-GCM, NIST SP 800-38D.
    """
    if len(nonce) != NONCE_BYTES:
        raise ValueError(
            f"a nonce has {NONCE_BYTES} bytes, got {len(nonce)}; ask `Rng.secret` for a fresh one each time"
        )
    return FORMAT + nonce + _cipher(key).encrypt(nonce, plain, _bound(label))


def open_sealed(key: bytes, sealed: bytes, label: Label) -> bytes:
    """What was sealed under this label. Raises Corrupt if bytes, label or key are not those that it was sealed with."""
    start = len(FORMAT) + NONCE_BYTES
    if not sealed.startswith(FORMAT) or len(sealed) < start + TAG_BYTES:
        raise Corrupt(f"{len(sealed)} bytes are not sealed by this version of ganglion; restore them from their source")
    try:
        return _cipher(key).decrypt(sealed[len(FORMAT) : start], sealed[start:], _bound(label))
    except InvalidTag:
        raise Corrupt(
            f"{len(sealed)} sealed bytes do not open as {label.form.name.lower()} of tier {label.tier.name.lower()}: "
            "they were changed, or sealed with another key or label; restore them from their source"
        ) from None


def _cipher(key: bytes) -> AESGCM:
    if len(key) != KEY_BYTES:
        raise ConfigError(f"a sealing key has {KEY_BYTES} bytes, got {len(key)}; make a new key file")
    return AESGCM(key)


def _bound(label: Label) -> bytes:
    return b"%s tier %d form %d" % (FORMAT, label.tier, label.form)
