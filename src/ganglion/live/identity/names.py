"""Names in certificates: spiffe://ganglion/<org>/<zone>/<node> of a node, and the host names that TLS checks.

A person at a console is spiffe://ganglion/<org>/<owner or operator>/<name>, which no node will take for a neighbour.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import ConfigError, Refused
from ...core.fleet import NodeId
from ...core.label import Zone
from ...protect.access import Role

TRUST = "spiffe://ganglion/"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def zone_host(zone: Zone) -> str:
    """The host name that every certificate of a zone carries."""
    return f"{zone.name.lower()}.ganglion"


def _checked(*parts: str) -> None:
    for part in parts:
        if not _PART.fullmatch(part):
            raise ConfigError(f"{part!r} is no node, person or organisation name; use 1 to 63 of A-Z a-z 0-9 . _ -")


@dataclass(frozen=True)
class Name:
    """The node that a certificate was issued to. Raises ConfigError for parts that no certificate can carry."""

    org: str
    zone: Zone
    node: NodeId

    def __post_init__(self) -> None:
        _checked(self.org, self.node)

    @property
    def uri(self) -> str:
        """The identity in the certificate."""
        return f"{TRUST}{self.org}/{self.zone.name.lower()}/{self.node}"

    @property
    def host(self) -> str:
        """The host name of this one node: a digest, because host names know no case and fewer letters."""
        return f"{hashlib.sha256(self.uri.encode()).hexdigest()[:40]}.ganglion"

    @property
    def hosts(self) -> tuple[str, ...]:
        """The host names in the certificate: one of its own, and its zone's."""
        return self.host, zone_host(self.zone)


@dataclass(frozen=True)
class Person:
    """Who sits at a console. Raises ConfigError for parts that no certificate can carry, and for a machine's role."""

    org: str
    role: Role
    name: str

    def __post_init__(self) -> None:
        _checked(self.org, self.name)
        if self.role is Role.DEVICE:
            raise ConfigError("a device is no person; invite it as a node, or choose operator or owner")

    @property
    def uri(self) -> str:
        """The identity in the certificate."""
        return f"{TRUST}{self.org}/{self.role.name.lower()}/{self.name}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """None: nobody dials a person."""
        return ()


def subject_of_uri(uri: str) -> Name | Person:
    """Reads a node's or a person's identity. Raises Refused for anything else."""
    parts = uri.removeprefix(TRUST).split("/")
    if not uri.startswith(TRUST) or len(parts) != 3 or parts[1] not in ("owner", "operator"):
        return name_of_uri(uri)
    try:
        return Person(parts[0], Role[parts[1].upper()], parts[2])
    except ConfigError as error:
        raise Refused(f"{uri!r} names nobody: {error}") from error


def name_of_uri(uri: str) -> Name:
    """Reads an identity. Raises Refused for anything else."""
    parts = uri.removeprefix(TRUST).split("/")
    if not uri.startswith(TRUST) or len(parts) != 3 or parts[1].upper() not in Zone.__members__:
        raise Refused(f"{uri!r} names no node; identities look like {TRUST}<org>/<zone>/<node>: enrol again")
    try:
        return Name(parts[0], Zone[parts[1].upper()], NodeId(parts[2]))
    except ConfigError as error:
        raise Refused(f"{uri!r} names no node: {error}") from error


def name_of_peer(certificate: Mapping[str, Any] | None) -> Name:
    """The node at the other end, from the certificate that TLS has verified. Raises Refused where there is none."""
    return name_of_uri(_uri_of_peer(certificate))


def subject_of_peer(certificate: Mapping[str, Any] | None) -> Name | Person:
    """The node or person at the other end, from the certificate that TLS has verified. Raises Refused."""
    return subject_of_uri(_uri_of_peer(certificate))


def _uri_of_peer(certificate: Mapping[str, Any] | None) -> str:
    if not certificate:
        raise Refused("a client certificate is needed here; enrol first with `ganglion edge join` or `device join`")
    uris = [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    if len(uris) != 1:
        raise Refused(f"the certificate carries {len(uris)} identities instead of one; enrol again")
    return uris[0]
