"""X.509 as this fleet uses it: P-256 keys, one authority, 30 days, and the node's name as a URI."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ...core.errors import Corrupt, Refused
from .names import Name, zone_host

NODE_DAYS, AUTHORITY_DAYS = 30, 3650
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
    except ValueError as error:
        raise Corrupt(f"{len(pem)} bytes hold no certificate: {error}; enrol again") from error


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
    except (ValueError, InvalidSignature) as error:
        raise Refused(f"the certificate request is malformed: {error}") from error
    if not valid or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise Refused("the certificate request is not signed by the P-256 key it asks for; join with this ganglion")
    return key


def new_authority(key: ec.EllipticCurvePrivateKey, org: str) -> x509.Certificate:
    """A root that signs itself; the organisation's name is in its subject."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, org),
            x509.NameAttribute(NameOID.COMMON_NAME, f"ganglion authority of {org}"),
        ]
    )
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    return (
        _dated(AUTHORITY_DAYS)
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def issue(
    authority: x509.Certificate, signer: ec.EllipticCurvePrivateKey, holder: ec.EllipticCurvePublicKey, name: Name
) -> bytes:
    """A node's certificate for both ends of TLS; PEM."""
    alternatives = [
        x509.UniformResourceIdentifier(name.uri),
        x509.DNSName(name.host),
        x509.DNSName(zone_host(name.zone)),
    ]
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    return (
        _dated(NODE_DAYS)
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name.node)]))
        .issuer_name(authority.subject)
        .public_key(holder)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(both, critical=False)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, hashes.SHA256())
        .public_bytes(Encoding.PEM)
    )


def _dated(days: int) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLY)
        .not_valid_after(now + datetime.timedelta(days=days))
    )
