"""How a fleet's authority is made, and whom it invites; `rotation` replaces its keys later."""

from __future__ import annotations

import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from ...core.errors import ConfigError
from ...core.fleet import NodeId
from ...core.label import Zone
from ...protect.access import Role
from . import certificates
from .files import CA_CERT, CA_KEY, ISSUERS, OFFLINE, RELEASE_KEY, RELEASE_PUBLIC, ROOT_KEY, write
from .issuer import TRIES as TRIES
from .issuer import Authority as Authority
from .names import Name
from .node import accept, key_of


def create_authority(folder: Path, org: str = "home", node: str = "cloud") -> Authority:
    """Makes a root, an issuing authority under it, the key that signs releases, and the cloud's own identity.

    Keys of roots lie in `folder`/offline: nothing that runs needs them, and they belong on another medium.
    """
    Name(org, Zone.CLOUD, NodeId(node))
    if (folder / CA_KEY).exists():
        raise ConfigError(f"{folder} holds an authority already; choose another folder, or go on with this one")
    now_s, release = time.time(), Ed25519PrivateKey.generate()
    write(folder / RELEASE_KEY, release.private_bytes_raw(), secret=True)
    write(folder / RELEASE_PUBLIC, release.public_key().public_bytes_raw())
    root, issuer, key = new_pair(folder / OFFLINE, org, now_s)
    write(folder / CA_CERT, certificates.to_bytes([root]))
    write(folder / ISSUERS, certificates.to_bytes([issuer]))
    write(folder / CA_KEY, key, secret=True)
    from .metadata import create_metadata  # tuf takes a while to import, and only making an authority needs it here

    create_metadata(folder)
    authority = Authority.load(folder)
    certify_cloud(authority, NodeId(node))
    return authority


def certify_cloud(authority: Authority, node: NodeId) -> None:
    """A fresh certificate for the cloud itself, over the key in the authority's folder."""
    own = key_of(authority.folder)
    accept(authority.folder, authority.issue(certificates.request(own, node), node, Zone.CLOUD))


def invite(folder: Path, node: NodeId, ttl_s: float, zone: Zone = Zone.EDGE) -> str:
    """A token for one node, from the authority in a folder."""
    return Authority.load(folder).invite(node, zone, ttl_s)


def invite_person(folder: Path, name: str, role: Role, ttl_s: float) -> str:
    """A token for one person's console, from the authority in a folder."""
    return Authority.load(folder).invite_person(name, role, ttl_s)


def new_pair(offline: Path, org: str, now_s: float) -> tuple[x509.Certificate, x509.Certificate, bytes]:
    """A root, whose key is put among the offline ones, an issuing authority under it, and that one's key as PEM."""
    above, key = certificates.new_key(), certificates.new_key()
    root = certificates.new_root(above, org, now_s)
    write(offline / root_file(above.public_key()), certificates.key_to_bytes(above), secret=True)
    issuer = certificates.new_issuer(root, above, key.public_key(), now_s)
    return root, issuer, certificates.key_to_bytes(key)


def root_file(key: CertificatePublicKeyTypes) -> str:
    """Where among the offline keys the private half of a root's key lies."""
    return f"{certificates.key_digest(key)[:12]}-{ROOT_KEY}"
