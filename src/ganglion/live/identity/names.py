"""Names of nodes in certificates: spiffe://ganglion/<org>/<zone>/<node>, and the host names that TLS checks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...core.errors import ConfigError, Refused
from ...core.fleet import NodeId
from ...core.label import Zone

TRUST = "spiffe://ganglion/"
_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def zone_host(zone: Zone) -> str:
    """The host name that every certificate of a zone carries."""
    return f"{zone.name.lower()}.ganglion"


@dataclass(frozen=True)
class Name:
    """Who a certificate was issued to. Raises ConfigError for parts that no certificate can carry."""

    org: str
    zone: Zone
    node: NodeId

    def __post_init__(self) -> None:
        for part in (self.org, self.node):
            if not _PART.fullmatch(part):
                raise ConfigError(f"{part!r} is no node or organisation name; use 1 to 63 of A-Z a-z 0-9 . _ -")

    @property
    def uri(self) -> str:
        """The identity in the certificate."""
        return f"{TRUST}{self.org}/{self.zone.name.lower()}/{self.node}"

    @property
    def host(self) -> str:
        """The host name of this one node: a digest, because host names know no case and fewer letters."""
        return f"{hashlib.sha256(self.uri.encode()).hexdigest()[:40]}.ganglion"


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
    """Who is at the other end, from the certificate that TLS has verified. Raises Refused where there is none."""
    if not certificate:
        raise Refused("a client certificate is needed here; enrol first with `ganglion edge join` or `device join`")
    uris = [str(value) for kind, value in certificate.get("subjectAltName", ()) if kind == "URI"]
    if len(uris) != 1:
        raise Refused(f"the certificate carries {len(uris)} identities instead of one; enrol again")
    return name_of_uri(uris[0])
