"""X.509 as this fleet uses it: P-256 keys; a root, an issuing authority, 30 days for a node; its name as a URI."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from ...core.errors import Corrupt, Refused
from .names import Name, Person

NODE_DAYS, ISSUER_DAYS, ROOT_DAYS = 30, 365, 3650
UNREADABLE = (  # what the library raises for bytes that are no certificate or request
    ValueError,
    InvalidSignature,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.UnsupportedGeneralNameType,
)
EARLY = datetime.timedelta(hours=24)  # how slow the clock of a node may be


def new_key() -> ec.EllipticCurvePrivateKey:
    """A fresh private key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_to_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM; the file's mode protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_of_bytes(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """Reads a private key. Raises Corrupt for anything but P-256."""
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError) as error:
        raise Corrupt(f"a key file of {len(pem)} bytes holds no private key: {error}; enrol again") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Corrupt("a key file holds another kind of key than P-256; enrol again")
    return key


def certificate_of_bytes(pem: bytes) -> x509.Certificate:
    """Reads a certificate. Raises Corrupt."""
    try:
        return x509.load_pem_x509_certificate(pem)
    except UNREADABLE as error:
        raise Corrupt(f"{len(pem)} bytes hold no certificate: {error}; enrol again") from error


def certificates_of_bytes(pem: bytes) -> list[x509.Certificate]:
    """Reads one certificate or several. Raises Corrupt."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except UNREADABLE as error:
        raise Corrupt(f"{len(pem)} bytes hold no certificates: {error}; enrol again") from error


def to_bytes(certificates: Iterable[x509.Certificate]) -> bytes:
    """Certificates as PEM, one after the other."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in certificates)


def key_digest(key: CertificatePublicKeyTypes) -> str:
    """SHA-256 of a public key, which says whose certificate it is across renewals."""
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def request(key: ec.EllipticCurvePrivateKey, node: str) -> bytes:
    """Asks for a certificate over this key; PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, node)])
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def requested_key(csr: bytes) -> ec.EllipticCurvePublicKey:
    """The key in a request, once its holder has proven to have it. Raises Refused."""
    try:
        asked = x509.load_pem_x509_csr(csr)
        key = asked.public_key()
        valid = asked.is_signature_valid
    except UNREADABLE as error:
        raise Refused(f"the certificate request is malformed: {error}") from error
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("the certificate request is not signed by the P-256 key it asks for; join with this ganglion")
    return key


def new_root(key: ec.EllipticCurvePrivateKey, org: str, now_s: float) -> x509.Certificate:
    """A root that signs itself; the organisation's name is in its subject, and so is a digest of its key."""
    return _authority(key.public_key(), _subject(org, "root", key.public_key()), None, (key, now_s))


def new_issuer(
    root: x509.Certificate, signer: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePublicKey, now_s: float
) -> x509.Certificate:
    """An authority under a root, which may sign nodes and no further authority."""
    org = str(root.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)[0].value)
    return _authority(key, _subject(org, "authority", key), root, (signer, now_s))


def _subject(org: str, what: str, key: ec.EllipticCurvePublicKey) -> x509.Name:
    """Two authorities of one organisation must differ in name, or TLS picks the wrong one while both are trusted."""
    common = f"ganglion {what} {key_digest(key)[:12]}"
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, org), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


def _authority(
    key: ec.EllipticCurvePublicKey,
    subject: x509.Name,
    above: x509.Certificate | None,
    signing: tuple[ec.EllipticCurvePrivateKey, float],
) -> x509.Certificate:
    signer, now_s = signing
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        _dated(now_s, ROOT_DAYS if above is None else ISSUER_DAYS)
        .subject_name(subject)
        .issuer_name(subject if above is None else above.subject)
        .public_key(key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=1 if above is None else 0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
    )


def issue(
    authority: x509.Certificate,
    signer: ec.EllipticCurvePrivateKey,
    holder: ec.EllipticCurvePublicKey,
    name: Name | Person,
    now_s: float,
) -> bytes:
    """A node's certificate for both ends of TLS, or a person's for the dialling end; PEM."""
    hosts = [x509.DNSName(host) for host in name.hosts]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    ends = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if hosts else [])]
    common = name.node if isinstance(name, Name) else name.name
    return (
        _dated(now_s, NODE_DAYS)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(authority.subject)
        .public_key(holder)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(ends), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(name.uri), *hosts]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def uri_in(certificate: x509.Certificate) -> str:
    """The one identity that a certificate carries. Raises Corrupt where it carries none or several."""
    try:
        held = certificate.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except UNREADABLE as error:
        raise Corrupt(f"the certificate names nobody ({error}); enrol again") from None
    assert isinstance(held, x509.SubjectAlternativeName)
    uris = held.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise Corrupt(f"the certificate carries {len(uris)} identities instead of one; enrol again")
    return uris[0]


def _dated(now_s: float, days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.fromtimestamp(now_s, datetime.UTC)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + datetime.timedelta(days=days))
    )
