"""The issuing authority at work: who is invited, who gets a certificate, who may renew it.

It signs with a key that lies on the cloud's host, under a root whose key is only needed to replace that one.
"""

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
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from ...core.errors import Corrupt, Refused
from ...core.fleet import NodeId
from ...core.label import Zone
from ...protect.access import Role
from . import certificates
from .files import CA_CERT, CA_KEY, ISSUERS, METADATA_ROOT, RELEASE_PUBLIC, read, write
from .members import Members, changing_members, read_members
from .messages import Enrolled, Token
from .names import Name, Person, subject_of_uri

TRIES = 5  # wrong secrets after which a token is burnt
WINDOW_S = 180 * 86_400.0  # for so long after its end may a certificate still be renewed
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
    role: str = ""  # of a person; "" = a node is invited


@dataclass
class Authority:
    """Signs certificates for those it has invited. Reads its folder each time: other processes change it too."""

    folder: Path
    issuers: list[x509.Certificate]  # its own certificates, the one it signs with first
    roots: list[x509.Certificate]  # what everybody trusts; the one above it is among them
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    now_s: Callable[[], float] = time.time

    @staticmethod
    def load(folder: Path) -> Authority:
        """Reads what `create_authority` wrote."""
        issuers = certificates.certificates_of_bytes(read(folder / ISSUERS, _INIT))
        roots = certificates.certificates_of_bytes(read(folder / CA_CERT, _INIT))
        return Authority(folder, issuers, roots, certificates.key_of_bytes(read(folder / CA_KEY, _INIT)))

    def reload(self) -> None:
        """Takes up a rotation."""
        fresh = Authority.load(self.folder)
        self.issuers, self.roots, self.key = fresh.issuers, fresh.roots, fresh.key

    @property
    def org(self) -> str:
        """The organisation whose members it admits."""
        return str(self.issuers[0].subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)

    @property
    def certificate(self) -> x509.Certificate:
        """The root above it, which tokens pin."""
        return next(root for root in self.roots if root.subject == self.issuers[0].issuer)

    @property
    def bundle(self) -> bytes:
        """Every root to trust, as PEM."""
        return certificates.to_bytes(self.roots)

    def issue(self, csr: bytes, node: NodeId, zone: Zone) -> Enrolled:
        """A node's certificate for the key in the request, in a name that the authority decides. Raises Refused."""
        return self._issue(csr, Name(self.org, zone, node))

    def invite(self, node: NodeId, zone: Zone, ttl_s: float) -> str:
        """A token that lets one node in, once, within so many seconds."""
        Name(self.org, zone, node)
        return self._invite_as(Invite(node, int(zone), "", self.now_s() + ttl_s))

    def invite_person(self, name: str, role: Role, ttl_s: float) -> str:
        """A token for one person's console. Raises ConfigError for a role that only machines have."""
        Person(self.org, role, name)
        return self._invite_as(Invite(name, int(Zone.CLOUD), "", self.now_s() + ttl_s, role=role.name))

    def enrol(self, id: str, secret: bytes, node: NodeId, csr: bytes) -> Enrolled:
        """Trades a token for a certificate. Raises Refused with the one reason."""
        invite = self._checked(id, secret)
        if node != invite.node:
            raise Refused(f"token {id} invites {invite.node!r}, not {node!r}; join under that name, or {_REMEDY}")
        role = invite.role
        name = Person(self.org, Role[role], node) if role else Name(self.org, Zone(invite.zone), node)
        key = certificates.key_digest(certificates.requested_key(csr))
        with changing_members(self.folder) as members:
            members.enrol(node, key, role)
            invite.used = True
            self._keep(id, invite)
            self.reload()  # while no rotation can move: the epoch that was noted is that of the key which signs
            return self._issue(csr, name)

    def renew(self, csr: bytes, pem: bytes) -> Enrolled:
        """A fresh certificate in the name of an old one over the same key, which may have ended. Raises Refused."""
        try:
            old = certificates.certificate_of_bytes(pem)
            name = subject_of_uri(certificates.uri_in(old))
        except Corrupt as error:
            raise Refused(f"this certificate cannot be renewed: {error}") from error
        if not any(_signed(old, issuer) for issuer in self.issuers):
            raise Refused(f"{name.uri} was certified by another authority; {_REMEDY} of this one")
        late_s = self.now_s() - old.not_valid_after_utc.timestamp()
        if late_s > WINDOW_S:
            days, most = late_s / 86_400, WINDOW_S / 86_400
            raise Refused(f"{name.uri} ended {days:.0f} days ago, it could be renewed for {most:.0f}; {_REMEDY}")
        key = certificates.requested_key(csr)
        if key != old.public_key():
            raise Refused(f"{name.uri} is renewed over its own key alone; {_REMEDY} for a new key")
        with changing_members(self.folder) as members:
            members.renew(name.node if isinstance(name, Name) else name.name, certificates.key_digest(key))
            self.reload()  # as in `enrol`
            return self._issue(csr, name)

    def members(self) -> Members:
        """Who belongs to the fleet, as it is now."""
        return read_members(self.folder)

    def change(self, name: str, standing: str) -> Members:
        """Disables, enables or decommissions a member."""
        with changing_members(self.folder) as members:
            members.change(name, standing)
        return members

    def _issue(self, csr: bytes, name: Name | Person) -> Enrolled:
        key, metadata = certificates.requested_key(csr), self.folder / METADATA_ROOT
        own = certificates.issue(self.issuers[0], self.key, key, name, self.now_s())
        return Enrolled(
            own + self.issuers[0].public_bytes(Encoding.PEM),
            self.bundle,
            read(self.folder / RELEASE_PUBLIC, _INIT),
            metadata.read_bytes() if metadata.exists() else b"",
            self.members().epoch,
        )

    def _invite_as(self, invite: Invite) -> str:
        token = Token(secrets.token_hex(8), secrets.token_bytes(32), fingerprint(self.certificate))
        invite.secret_sha256 = hashlib.sha256(token.secret).hexdigest()
        self._keep(token.id, invite)
        return str(token)

    def _checked(self, id: str, secret: bytes) -> Invite:
        """The invitation behind a token that is whole, in time and unused. Raises Refused."""
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
        return invite

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


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True
