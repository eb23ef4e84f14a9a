"""The fleet's own certificate authority: who is invited, who gets a certificate, who has used up their token."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ...core.errors import ConfigError, Corrupt, Refused
from ...core.fleet import NodeId
from ...core.label import Zone
from . import certificates
from .files import CA_CERT, CA_KEY, RELEASE_KEY, RELEASE_PUBLIC, read, write
from .messages import Enrolled, Token
from .names import Name
from .node import accept, key_of

TRIES = 5  # wrong secrets after which a token is burnt
_REMEDY = "ask for a new one with `ganglion cloud invite`"
_INIT = "make an authority first with `ganglion cloud init`"


class Invite(msgspec.Struct, forbid_unknown_fields=True):
    """What is kept of a token: never its secret."""

    node: str
    zone: int
    secret_sha256: str
    until_s: float  # wall time
    used: bool = False
    tries: int = 0


@dataclass
class Authority:
    """Signs certificates for the nodes it has invited."""

    folder: Path
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    now_s: Callable[[], float] = time.time

    @staticmethod
    def load(folder: Path) -> Authority:
        """Reads what `create_authority` wrote."""
        certificate = certificates.certificate_of_bytes(read(folder / CA_CERT, _INIT))
        return Authority(folder, certificate, certificates.key_of_bytes(read(folder / CA_KEY, _INIT)))

    @property
    def org(self) -> str:
        """The organisation whose nodes it admits."""
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)

    def issue(self, csr: bytes, node: NodeId, zone: Zone) -> Enrolled:
        """A certificate for the key in the request, in a name that the authority decides. Raises Refused."""
        name, key = Name(self.org, zone, node), certificates.requested_key(csr)
        return Enrolled(
            certificates.issue(self.certificate, self.key, key, name),
            self.certificate.public_bytes(Encoding.PEM),
            read(self.folder / RELEASE_PUBLIC, _INIT),
        )

    def invite(self, node: NodeId, zone: Zone, ttl_s: float) -> str:
        """A token that lets one node in, once, within so many seconds."""
        Name(self.org, zone, node)
        token = Token(secrets.token_hex(8), secrets.token_bytes(32), fingerprint(self.certificate))
        hashed = hashlib.sha256(token.secret).hexdigest()
        self._keep(token.id, Invite(node, int(zone), hashed, self.now_s() + ttl_s))
        return str(token)

    def enrol(self, id: str, secret: bytes, node: NodeId, csr: bytes) -> Enrolled:
        """Trades a token for a certificate. Raises Refused with the one reason."""
        invite = self._invite(id)
        if invite is None:
            raise Refused(f"token {id[:16]!r} is not known here; {_REMEDY}")
        if invite.tries >= TRIES:
            raise Refused(f"token {id} was burnt after {TRIES} wrong tries; {_REMEDY}")
        if not hmac.compare_digest(hashlib.sha256(secret).hexdigest(), invite.secret_sha256):
            invite.tries += 1
            self._keep(id, invite)
            raise Refused(f"token {id} has another secret; check that it was copied whole, or {_REMEDY}")
        if invite.used:
            raise Refused(f"token {id} has already been used; {_REMEDY}")
        if self.now_s() >= invite.until_s:
            raise Refused(f"token {id} has expired; {_REMEDY}")
        if node != invite.node:
            raise Refused(f"token {id} invites {invite.node!r}, not {node!r}; join under that name, or {_REMEDY}")
        certificates.requested_key(csr)
        invite.used = True
        self._keep(id, invite)
        return self.issue(csr, node, Zone(invite.zone))

    def _path(self, id: str) -> Path:
        return self.folder / "invites" / f"{id}.json"

    def _keep(self, id: str, invite: Invite) -> None:
        write(self._path(id), msgspec.json.encode(invite), secret=True)

    def _invite(self, id: str) -> Invite | None:
        if len(id) != 16 or any(letter not in "0123456789abcdef" for letter in id):
            return None
        try:
            return msgspec.json.decode(self._path(id).read_bytes(), type=Invite)
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise Corrupt(f"{self._path(id)} is damaged: {error}; delete it and invite again") from error


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of a certificate, which tokens pin."""
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest()


def create_authority(folder: Path, org: str = "home", node: str = "cloud") -> Authority:
    """Makes an authority, the key that signs releases, and the cloud's own identity, all in one folder."""
    Name(org, Zone.CLOUD, NodeId(node))
    if (folder / CA_KEY).exists():
        raise ConfigError(f"{folder} holds an authority already; choose another folder, or go on with this one")
    key, release = certificates.new_key(), Ed25519PrivateKey.generate()
    certificate = certificates.new_authority(key, org)
    write(folder / RELEASE_KEY, release.private_bytes_raw(), secret=True)
    write(folder / RELEASE_PUBLIC, release.public_key().public_bytes_raw())
    write(folder / CA_CERT, certificate.public_bytes(Encoding.PEM))
    write(folder / CA_KEY, certificates.key_to_bytes(key), secret=True)
    authority = Authority(folder, certificate, key)
    accept(folder, authority.issue(certificates.request(key_of(folder), node), NodeId(node), Zone.CLOUD))
    return authority


def invite(folder: Path, node: NodeId, ttl_s: float, zone: Zone = Zone.EDGE) -> str:
    """A token for one node, from the authority in a folder."""
    return Authority.load(folder).invite(node, zone, ttl_s)
