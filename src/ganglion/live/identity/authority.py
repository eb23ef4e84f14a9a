"""How a fleet's authority is made, and how its keys are replaced while the fleet runs.

A rotation has three steps, each told to all nodes before the next: trust both roots, sign under the new one, trust only
that. The first two need no restart of anybody.
"""

from __future__ import annotations

import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ...core.errors import ConfigError, NotFound, Refused
from ...core.fleet import NodeId
from ...core.label import Zone
from ...protect.access import Role
from . import certificates
from .files import CA_CERT, CA_KEY, ISSUERS, OFFLINE, RELEASE_KEY, RELEASE_PUBLIC, ROOT_KEY, read, write
from .issuer import TRIES as TRIES
from .issuer import Authority as Authority
from .members import changing_members
from .names import Name
from .node import accept, key_of

NEXT_KEY, NEXT_CERT = "next.key", "next.pem"  # an issuing authority that does not sign yet
STEPS = ("begin", "switch", "finish")


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
    root, issuer, key = _new_pair(folder, org, now_s)
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


def rotate(folder: Path, step: str, anyway: bool = False) -> str:
    """One step of replacing root and issuing authority; says what comes next. Raises ConfigError, NotFound, Refused.

    Every node renews when it hears of a step. Until all have, the next one is refused, unless `anyway`: then those that
    have not will have to be invited again.
    """
    authority = Authority.load(folder)
    behind = authority.members().behind
    if behind and step != "begin" and not anyway:
        raise Refused(f"{', '.join(behind)} did not renew since the last step; wait for them, or disable them")
    match step:
        case "begin":
            if (folder / NEXT_KEY).exists():
                raise ConfigError(f"a rotation in {folder} has begun already; go on with `--step switch`")
            root, issuer, key = _new_pair(folder, authority.org, authority.now_s())
            write(folder / NEXT_CERT, certificates.to_bytes([issuer]))
            write(folder / NEXT_KEY, key, secret=True)
            write(folder / CA_CERT, certificates.to_bytes([root, *authority.roots]))
            told = "all nodes are told to trust both roots; then `--step switch`"
        case "switch":
            remedy = "begin a rotation first with `--step begin`"
            issuers = certificates.certificates_of_bytes(read(folder / NEXT_CERT, remedy))
            key = read(folder / NEXT_KEY, remedy)
            write(folder / ISSUERS, certificates.to_bytes([*issuers, *authority.issuers]))
            write(folder / CA_KEY, key, secret=True)
            for name in (NEXT_CERT, NEXT_KEY):
                (folder / name).unlink()
            told = "all nodes are given certificates under the new root; then `--step finish`"
        case "finish":
            if len(authority.roots) < 2 or (folder / NEXT_KEY).exists():
                raise NotFound(f"no rotation in {folder} has come so far; its steps are {', '.join(STEPS)}, in order")
            write(folder / ISSUERS, certificates.to_bytes(authority.issuers[:1]))
            write(folder / CA_CERT, certificates.to_bytes([authority.certificate]))
            told = "the old root is trusted no more by who starts from now on; restart nodes that listen"
        case _:
            raise ConfigError(f"step {step!r} is unknown; choose one of {', '.join(STEPS)}")
    with changing_members(folder) as members:
        members.version, members.epoch = members.version + 1, members.epoch + 1
    return told


def invite(folder: Path, node: NodeId, ttl_s: float, zone: Zone = Zone.EDGE) -> str:
    """A token for one node, from the authority in a folder."""
    return Authority.load(folder).invite(node, zone, ttl_s)


def invite_person(folder: Path, name: str, role: Role, ttl_s: float) -> str:
    """A token for one person's console, from the authority in a folder."""
    return Authority.load(folder).invite_person(name, role, ttl_s)


def _new_pair(folder: Path, org: str, now_s: float) -> tuple[x509.Certificate, x509.Certificate, bytes]:
    """A root, whose key is put among the offline ones, an issuing authority under it, and that one's key as PEM."""
    above, key = certificates.new_key(), certificates.new_key()
    root = certificates.new_root(above, org, now_s)
    name = f"{certificates.key_digest(above.public_key())[:12]}-{ROOT_KEY}"
    write(folder / OFFLINE / name, certificates.key_to_bytes(above), secret=True)
    issuer = certificates.new_issuer(root, above, key.public_key(), now_s)
    return root, issuer, certificates.key_to_bytes(key)
