"""What passes between a newcomer and the authority: the token, the request and the certificate."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from ...core.errors import ProtocolError, Refused

PREFIX = "gn1"
T = TypeVar("T")


@dataclass(frozen=True)
class Token:
    """An invitation: who to be, how to prove it, and which authority to trust. It holds no address."""

    id: str
    secret: bytes = field(repr=False)
    authority: bytes  # SHA-256 of the root's certificate

    def __str__(self) -> str:
        parts = (_text(self.secret), _text(self.authority))
        return ".".join((PREFIX, self.id, *parts))


def token_of(text: str) -> Token:
    """Reads a token. Raises Refused for what is none."""
    parts = text.strip().split(".")
    try:
        if len(parts) == 4 and parts[0] == PREFIX:
            token = Token(parts[1], _raw(parts[2]), _raw(parts[3]))
            if len(token.secret) == len(token.authority) == 32:
                return token
    except (ValueError, binascii.Error):
        pass
    raise Refused(f"this is no token: tokens have four parts and begin with {PREFIX!r}; copy it whole")


class Enrol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A newcomer's request; `csr` is PEM."""

    id: str
    secret: bytes
    node: str
    csr: bytes


class Renew(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request by the holder of a certificate, valid or ended not too long ago, over the same key; both as PEM."""

    csr: bytes
    certificate: bytes


def request_to_bytes(request: Enrol | Renew) -> bytes:
    """As it goes to the authority."""
    return msgspec.json.encode(request)


def enrol_of_bytes(raw: bytes) -> Enrol:
    """Reads a newcomer's request. Raises Refused for anything else."""
    return _read(raw, Enrol)


def renew_of_bytes(raw: bytes) -> Renew:
    """Reads a member's request. Raises Refused for anything else."""
    return _read(raw, Renew)


def _read(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"a request of {len(raw)} bytes is malformed; join or renew with this ganglion") from error


class Enrolled(msgspec.Struct, frozen=True):  # a newer cloud may add fields: what is answered is read as far as known
    """What a node gets: certificates as PEM, and the raw public key that releases are signed with."""

    certificate: bytes  # its own, then the issuing authority's
    authority: bytes  # the roots to trust
    release: bytes
    metadata: bytes  # the root of the signed metadata about releases; empty where the fleet has none
    epoch: int  # of the list of members; a later one means that this certificate should be renewed


class Turned(msgspec.Struct, frozen=True):
    """Why a request was turned away."""

    refused: str


def answer_to_bytes(answer: Enrolled | Turned) -> bytes:
    """As the authority answers."""
    return msgspec.json.encode(answer)


def answer_of_bytes(raw: bytes, kind: type[T]) -> T:
    """Reads what the authority answers. Raises ProtocolError for anything else."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"an answer of {len(raw)} bytes is malformed: {error}; is it a ganglion cloud?") from error


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _raw(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
