"""Changed manifests, and identities that are expired, forged, replayed, downgraded, frozen or revoked: all refused."""

from __future__ import annotations

import datetime
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..core.errors import Corrupt, NotFound, ProtocolError, Refused
from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.release import Signed
from ..live.identity import certificates
from ..live.identity.authority import Authority, create_authority
from ..live.identity.files import METADATA_ROOT, RELEASE_PUBLIC, write
from ..live.identity.issuer import WINDOW_S
from ..live.identity.members import DISABLED, GONE
from ..live.identity.messages import Enrolled, token_of
from ..live.identity.node import key_of
from ..live.identity.vault import SIGNATURE_BYTES, LocalVault
from ..node.bodies import make_codec

EDGE = NodeId("edge-1")
REFUSALS = (Refused, Corrupt, ProtocolError)
DAY_S = 86_400.0
Mutate = Callable[[bytes, bytes, Sequence[bytes], random.Random], bytes]
Result = dict[str, Any]


def manifests(cloud: Path, count: int, seed: int, mutate: Mutate) -> Result:
    """Signed manifests, changed byte by byte, field by field and at random: none may be taken for what it was not."""
    vault, codec, rng = LocalVault(cloud), make_codec(), random.Random(seed)
    pair = [Signed(body, vault.sign(body)) for body in (b"release 1" * 30, b"release 2" * 30)]
    good, other = (codec.encode(one) for one in pair)
    taken, inputs = 0, 0
    began_s = time.perf_counter()
    fixed = [*_bytes_changed(good), *(codec.encode(one) for one in _fields_changed(pair))]
    at_random = (mutate(good, other, (), rng) for _ in range(max(count - len(fixed), 0)))
    for raw in itertools.chain(fixed, at_random):
        inputs += 1
        try:
            signed = codec.decode(raw)
            held = isinstance(signed, Signed) and vault.verify(signed.manifest, signed.signature)
        except REFUSALS:
            continue
        taken += held and (signed.manifest, signed.signature) not in [(one.manifest, one.signature) for one in pair]
    seconds = time.perf_counter() - began_s
    rate = round(inputs / seconds)
    return {"what": "changed manifests", "inputs": inputs, "accepted": taken, "inputs_s": rate, "ok": not taken}


def _bytes_changed(good: bytes) -> Iterator[bytes]:
    for at in range(len(good)):
        yield good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        yield good[:at] + bytes([good[at] ^ 0x80]) + good[at + 1 :]
        yield good[:at]


def _fields_changed(pair: Sequence[Signed]) -> Iterator[Signed]:
    """Signature and metadata cut off, emptied or taken from the other release."""
    first, second = (one.signature for one in pair)
    head, tail = first[:SIGNATURE_BYTES], first[SIGNATURE_BYTES:]
    for signature in (tail, b"", bytes(SIGNATURE_BYTES), second, head + second[SIGNATURE_BYTES:] + b"1"):
        yield Signed(pair[0].manifest, signature)


def identities(folder: Path) -> list[Result]:
    """A row per way of coming in that must fail; each is tried beside one that must not."""
    authority = create_authority(folder / "cloud")
    attempts = [*_tokens(authority, folder), *_renewals(authority, folder), *_releases(folder)]
    return [{"what": f"refused: {what}", "ok": _refused(work)} for what, work in attempts]


def _tokens(authority: Authority, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    csr = certificates.request(key_of(folder / "edge"), EDGE)
    unsigned = csr[:-60] + csr[-60:].swapcase()

    def enrol(text: str, secret: bytes = b"", node: NodeId = EDGE) -> Enrolled:
        token = token_of(text)
        return authority.enrol(token.id, secret or token.secret, node, csr)

    spent = authority.invite(EDGE, Zone.EDGE, 60.0)
    given = enrol(spent)  # this one must be let in
    write(folder / "edge" / "node.pem", given.certificate)
    yield "a replayed token", lambda: enrol(spent)
    yield "an expired token", lambda: enrol(authority.invite(EDGE, Zone.EDGE, 0.0))
    yield "a forged token", lambda: enrol(authority.invite(EDGE, Zone.EDGE, 60.0), bytes(32))
    yield "another's token", lambda: enrol(authority.invite(NodeId("edge-2"), Zone.EDGE, 60.0))
    yield "a request that is not signed by its key", lambda: authority.issue(unsigned, EDGE, Zone.EDGE)


def _renewals(authority: Authority, folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    own, key = (folder / "edge" / "node.pem").read_bytes(), key_of(folder / "edge")
    csr, pem = certificates.request(key, EDGE), own[: own.index(b"-----END") + 26]
    authority.renew(csr, pem)  # this one must be let in
    stranger = create_authority(folder / "stranger").issue(csr, EDGE, Zone.EDGE).certificate
    yield "a certificate of another authority", lambda: authority.renew(csr, stranger)
    yield "a renewal over another key", lambda: authority.renew(certificates.request(certificates.new_key(), EDGE), pem)
    old = Authority.load(authority.folder)
    old.now_s = lambda: time.time() - WINDOW_S - (certificates.NODE_DAYS + 1) * DAY_S
    ended = old.issue(csr, EDGE, Zone.EDGE).certificate
    yield "a certificate that ended before the window", lambda: authority.renew(csr, ended)
    for standing in (DISABLED, GONE):
        authority.change(EDGE, standing)
        yield f"a certificate of a member that is {standing}", lambda: authority.renew(csr, pem)


def _releases(folder: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    cloud = folder / "cloud"
    vault, node = LocalVault(cloud), _node(folder, "node")
    first, second = vault.sign(b"release 1"), vault.sign(b"release 2")
    if not node.verify(b"release 2", second):
        raise NotFound("a good release was refused; nothing that is refused after it says anything")
    yield "a release signed by another fleet", lambda: _held(node, b"release 3", LocalVault(folder / "stranger"))
    if not (cloud / METADATA_ROOT).exists():
        return
    from ..live.identity.metadata import check, publish

    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=8)
    yield "a downgraded release", lambda: node.verify(b"release 1", first)
    _node(folder, "frozen")
    frozen = publish(cloud, b"release 4", past)
    yield "frozen metadata", lambda: check(folder / "frozen", b"release 4", frozen)


def _node(folder: Path, name: str) -> LocalVault:
    for file in (METADATA_ROOT, RELEASE_PUBLIC):
        if (folder / "cloud" / file).exists():
            write(folder / name / file, (folder / "cloud" / file).read_bytes())
    return LocalVault(folder / name)


def _held(node: LocalVault, message: bytes, by: LocalVault) -> None:
    if not node.verify(message, by.sign(message)):
        raise Refused("its signature does not hold")


def _refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except Refused:
        return True
    return False
