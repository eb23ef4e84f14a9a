"""A node's own identity: its key, which was born here, its certificate, and the TLS contexts made of both."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from ...core.errors import Corrupt
from ...core.fleet import NodeId
from . import certificates
from .files import CA_CERT, METADATA_ROOT, NODE_CERT, NODE_KEY, RELEASE_PUBLIC, read, write
from .members import News, read_news, write_news
from .messages import Enrolled
from .names import Name, name_of_uri

_REMEDY = "enrol this node first with `ganglion edge join` or `device join`"


def key_of(folder: Path) -> ec.EllipticCurvePrivateKey:
    """This node's private key; made now where there is none."""
    if not (folder / NODE_KEY).exists():
        write(folder / NODE_KEY, certificates.key_to_bytes(certificates.new_key()), secret=True)
    return certificates.key_of_bytes(read(folder / NODE_KEY, _REMEDY))


def accept(folder: Path, enrolled: Enrolled) -> None:
    """Keeps what the authority gave; the certificate last, for it is what makes the folder an identity."""
    certificates.certificate_of_bytes(enrolled.authority)
    held = certificates.certificate_of_bytes(enrolled.certificate).public_key()
    if held != key_of(folder).public_key():
        raise Corrupt(f"the certificate is for another key than the one in {folder}; enrol again")
    write(folder / CA_CERT, enrolled.authority)
    write(folder / RELEASE_PUBLIC, enrolled.release)
    if enrolled.metadata and not (folder / METADATA_ROOT).exists():
        write(folder / METADATA_ROOT, enrolled.metadata)
    told = read_news(folder)
    write_news(folder, News(told.version, enrolled.epoch, told.barred))
    write(folder / NODE_CERT, enrolled.certificate)


@dataclass
class Identity:
    """Who this node is, and the proof. Contexts are made once and follow a renewal."""

    folder: Path
    name: Name
    certificate: x509.Certificate
    _contexts: dict[tuple[bool, tuple[str, ...]], ssl.SSLContext] = field(default_factory=dict, repr=False)

    @staticmethod
    def load(folder: Path) -> Identity:
        """Reads a node's folder. Raises NotFound where it has not enrolled, Corrupt where files are damaged."""
        certificate = certificates.certificate_of_bytes(read(folder / NODE_CERT, _REMEDY))
        return Identity(folder, name_of_uri(certificates.uri_in(certificate)), certificate)

    @property
    def node(self) -> NodeId:
        """The name in the certificate."""
        return self.name.node

    def renew_due(self, now_s: float) -> bool:
        """Whether half the certificate's life is over; `now_s` is wall time."""
        begin_s = self.certificate.not_valid_before_utc.timestamp()
        end_s = self.certificate.not_valid_after_utc.timestamp()
        return now_s >= (begin_s + end_s) / 2

    def expired(self, now_s: float) -> bool:
        """Whether the certificate has ended; `now_s` is wall time."""
        return now_s >= self.certificate.not_valid_after_utc.timestamp()

    def client(self, *protocols: str) -> ssl.SSLContext:
        """For dialling: trusts this fleet's authority alone, checks the host name, speaks these ALPN protocols."""
        return self._context(False, protocols)

    def server(self, *protocols: str) -> ssl.SSLContext:
        """For listening. A certificate is verified where one is shown; who shows none may do no more than enrol."""
        return self._context(True, protocols)

    def reload(self) -> None:
        """Takes up a renewed certificate and added roots: new connections show and trust them, open ones live on.

        What no longer is among the roots is still trusted where this process listens, until it is started again.
        """
        self.certificate = certificates.certificate_of_bytes(read(self.folder / NODE_CERT, _REMEDY))
        for context in self._contexts.values():
            context.load_verify_locations(self.folder / CA_CERT)
            context.load_cert_chain(self.folder / NODE_CERT, self.folder / NODE_KEY)

    def _context(self, listening: bool, protocols: tuple[str, ...]) -> ssl.SSLContext:
        known = self._contexts.get((listening, protocols))
        if known is not None:
            return known
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if listening else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_OPTIONAL if listening else ssl.CERT_REQUIRED
        context.set_alpn_protocols(list(protocols))
        try:
            context.load_verify_locations(self.folder / CA_CERT)
            context.load_cert_chain(self.folder / NODE_CERT, self.folder / NODE_KEY)
        except (ssl.SSLError, OSError) as error:
            raise Corrupt(f"the certificate or key in {self.folder} cannot be used: {error}; enrol again") from error
        return self._contexts.setdefault((listening, protocols), context)
