"""How a fleet's keys are replaced while it runs: those of its authority, and those that vouch for releases.

Every year the issuing authority is replaced alone: a step that needs the root's key, then one that ends the old one.
With the root it takes three, each told to all nodes before the next: trust both, sign under the new, trust only that.
Only the very last needs a restart of anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ...core.errors import ConfigError, NotFound, Refused
from . import certificates
from .authority import new_pair, root_file
from .files import CA_CERT, CA_KEY, ISSUERS, OFFLINE, read, write
from .issuer import Authority
from .members import changing_members

NEXT_KEY, NEXT_CERT = "next.key", "next.pem"  # an issuing authority that does not sign yet
ALONE, WITH_ROOT = "issuer, finish", "begin, switch, finish"  # steps of either rotation, in order
FIRST = ("begin", "issuer")


def rotate(folder: Path, step: str, anyway: bool = False, offline: Path | None = None) -> str:
    """One step of replacing the issuing authority, or it and the root; says what comes next.

    Every node renews when it hears of a step. Until all have, the next one is refused, unless `anyway`: then those that
    have not will have to be invited again. `offline` holds the keys of roots, `folder`/offline by default. Raises
    ConfigError, NotFound, Refused.
    """
    with changing_members(folder) as members:  # nobody is enrolled or renewed between two of its files
        if members.behind and step not in FIRST and not anyway:
            behind = ", ".join(members.behind)
            raise Refused(f"{behind} did not renew since the last step; wait for them, or disable them")
        if step not in STEPS:
            raise ConfigError(f"step {step!r} is unknown; the steps are {ALONE}, or {WITH_ROOT}")
        told = STEPS[step](Authority.load(folder), offline or folder / OFFLINE)
        members.version, members.epoch = members.version + 1, members.epoch + 1
    return told


def replace_root_key(folder: Path, place: int, offline: Path | None = None) -> str:
    """Another key in place of one of the three that vouch for metadata about releases; says what holds now."""
    from .metadata import replace_root  # tuf takes a while to import

    version, ends = replace_root(folder, place, offline)
    with changing_members(folder) as members:
        members.version += 1  # so that the cloud tells its nodes
    return f"root {version} holds another key {place}, and is good until {ends:%Y-%m-%d}; the old key counts no more"


def _issuer(authority: Authority, offline: Path) -> str:
    """Another issuing authority under the root there is; that one's key is needed for this alone."""
    _refuse_within(authority)
    root, key, folder = authority.certificate, certificates.new_key(), authority.folder
    name = root_file(root.public_key())
    remedy = f"bring the root's key, {name}, to {offline}, or name its folder with --offline"
    above = certificates.key_of_bytes(read(offline / name, remedy))
    issuer = certificates.new_issuer(root, above, key.public_key(), authority.now_s())
    write(folder / ISSUERS, certificates.to_bytes([issuer, *authority.issuers]))
    write(folder / CA_KEY, certificates.key_to_bytes(key), secret=True)
    return "all nodes are given certificates of the new authority; put the root's key away, then `--step finish`"


def _begin(authority: Authority, offline: Path) -> str:
    _refuse_within(authority)
    folder = authority.folder
    root, issuer, key = new_pair(offline, authority.org, authority.now_s())
    write(folder / NEXT_CERT, certificates.to_bytes([issuer]))
    write(folder / NEXT_KEY, key, secret=True)
    write(folder / CA_CERT, certificates.to_bytes([root, *authority.roots]))
    return "all nodes are told to trust both roots; then `--step switch`"


def _switch(authority: Authority, offline: Path) -> str:
    folder, remedy = authority.folder, "begin a rotation first with `--step begin`"
    issuers = certificates.certificates_of_bytes(read(folder / NEXT_CERT, remedy))
    key = read(folder / NEXT_KEY, remedy)
    write(folder / ISSUERS, certificates.to_bytes([*issuers, *authority.issuers]))
    write(folder / CA_KEY, key, secret=True)
    for name in (NEXT_CERT, NEXT_KEY):
        (folder / name).unlink()
    return "all nodes are given certificates under the new root; then `--step finish`"


def _finish(authority: Authority, offline: Path) -> str:
    folder, with_root = authority.folder, len(authority.roots) > 1
    if len(authority.issuers) < 2 or (folder / NEXT_KEY).exists():
        raise NotFound(f"no rotation in {folder} has come so far; its steps are {ALONE}, or {WITH_ROOT}")
    write(folder / ISSUERS, certificates.to_bytes(authority.issuers[:1]))
    write(folder / CA_CERT, certificates.to_bytes([authority.certificate]))
    if with_root:
        return "the old root is trusted no more by who starts from now on; restart nodes that listen"
    return "certificates of the old authority are renewed no more, and end within their days"


def _refuse_within(authority: Authority) -> None:
    """While one rotation is under way no other begins: who has not renewed would be left behind both."""
    begun = (authority.folder / NEXT_KEY).exists()
    if begun or len(authority.issuers) > 1:
        step = "switch" if begun else "finish"
        raise ConfigError(f"a rotation in {authority.folder} has begun already; go on with `--step {step}`")


STEPS: dict[str, Callable[[Authority, Path], str]] = {
    "issuer": _issuer,
    "begin": _begin,
    "switch": _switch,
    "finish": _finish,
}
