"""Signatures over a release's manifest: Ed25519 over an encoding that binds the kind of what is signed."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..core.errors import ConfigError

RELEASE = "application/vnd.ganglion.release"


def encode(payload: bytes, kind: str) -> bytes:
    """The bytes that are signed. Source: DSSE v1, pre-authentication encoding (secure-systems-lab, 2021).

    >>> encode(b"hello", "text/plain")
    b'DSSEv1 10 text/plain 5 hello'
    """
    named = kind.encode()
    return b"DSSEv1 %d %s %d %s" % (len(named), named, len(payload), payload)


def sign(private: bytes, payload: bytes, kind: str = RELEASE) -> bytes:
    """64 bytes of signature by a raw private key of 32 bytes. Source: RFC 8032."""
    _check(private)
    return Ed25519PrivateKey.from_private_bytes(private).sign(encode(payload, kind))


def verify(public: bytes, payload: bytes, signature: bytes, kind: str = RELEASE) -> bool:
    """Whether the holder of the private half of this raw public key signed exactly this, as this kind of thing."""
    _check(public)
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, encode(payload, kind))
    except InvalidSignature:
        return False
    return True


def public_key(private: bytes) -> bytes:
    """The raw public half, 32 bytes."""
    _check(private)
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def _check(key: bytes) -> None:
    if len(key) != 32:
        raise ConfigError(f"an Ed25519 key has 32 bytes, got {len(key)}; give the raw key, not a PEM file")
