"""How a node gets its certificate: a token and a request, over TLS pinned to the authority that the token names."""

from __future__ import annotations

import hashlib
import ssl
import time
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.serialization import Encoding

from ...core.errors import ProtocolError, Refused, Unreachable
from ...core.label import Zone
from ..own_socket import own_socket
from . import certificates
from .files import CA_CERT, NODE_CERT, read
from .members import News
from .messages import Enrol, Enrolled, Renew, Turned, answer_of_bytes, request_to_bytes, token_of
from .names import Name, subject_of_uri, zone_host
from .node import Identity, accept, key_of

DEADLINE_S = 10.0
NEWS_S = 20.0  # for which a question for news is left open by who answers
ANSWER_BYTES = 65_536
HTTP = "http/1.1"
Upper = tuple[tuple[str, int], Zone]  # where it is reached, and which zone its certificate must be of


async def join(token: str, address: tuple[str, int], node: str, folder: Path) -> Identity:
    """Makes this node's key, trades the token for a certificate and keeps both in the folder.

    Raises Refused with the authority's reason, or when who answers is not the authority the token names; Unreachable.
    """
    await join_as(token, address, node, folder)
    return Identity.load(folder)


async def join_as(token: str, address: tuple[str, int], name: str, folder: Path) -> None:
    """The same for a node or for a person at a console; what came is in the folder."""
    invited = token_of(token)
    roots = await _authority(address, invited.authority)
    asked = Enrol(invited.id, invited.secret, name, certificates.request(key_of(folder), name))
    accept(folder, await post(address, "/v1/enrol", asked, roots))


async def renew(identity: Identity, address: tuple[str, int], at: Zone = Zone.CLOUD) -> None:
    """Trades a certificate for a fresh one over the same key, by way of whoever answers there.

    One that has ended is not shown to TLS, which would refuse it; the request is signed with its key all the same.
    Raises Refused, Unreachable.
    """
    accept(identity.folder, await relay(identity, (address, at), "/v1/renew", request_of(identity.folder)))
    identity.reload()


async def renew_person(folder: Path, address: tuple[str, int]) -> None:
    """Trades a person's certificate for a fresh one over the same key, at the cloud. Raises Refused, Unreachable."""
    roots = read(folder / CA_CERT, "`ganglion console join` gets it")
    accept(folder, await _post((address, Zone.CLOUD), "/v1/renew", request_of(folder), _trusting(roots)))


def request_of(folder: Path) -> bytes:
    """What a node asks to be given instead of its certificate."""
    own = read(folder / NODE_CERT, "enrol this node first with `ganglion edge join` or `device join`")
    leaf = certificates.certificate_of_bytes(own)
    name = subject_of_uri(certificates.uri_in(leaf))
    common = name.node if isinstance(name, Name) else name.name
    return request_to_bytes(Renew(certificates.request(key_of(folder), common), certificates.to_bytes([leaf])))


async def relay(identity: Identity, to: Upper, path: str, raw: bytes) -> Enrolled:
    """Hands a request for a certificate on towards the authority, as this node. Raises Refused, Unreachable."""
    ended = identity.expired(time.time())
    context = _trusting(read(identity.folder / CA_CERT, "enrol again")) if ended else identity.client(HTTP)
    return await _post(to, path, raw, context)


async def news_after(identity: Identity, to: Upper, version: int) -> News:
    """Who belongs to the fleet, once that is no longer what it was in a version. Raises Refused, Unreachable."""
    path = f"/v1/members?after={version}"
    return answer_of_bytes(await _ask("GET", to, path, b"", identity.client(HTTP)), News)


def _trusting(roots: bytes) -> ssl.SSLContext:
    """For dialling without showing a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([HTTP])
    context.load_verify_locations(cadata=roots.decode())
    return context


async def _authority(address: tuple[str, int], pin: bytes) -> bytes:
    """The root's certificate as PEM, fetched from anybody and believed only if its digest is the pinned one."""
    found = certificates.certificates_of_bytes(await first_roots(address))
    pinned = [one for one in found if hashlib.sha256(one.public_bytes(Encoding.DER)).digest() == pin]
    if not pinned:
        raise Refused(
            f"{address[0]}:{address[1]} belongs to another authority than the token; nothing was sent to it: "
            "check the address, or ask for a new token with `ganglion cloud invite`"
        )
    return certificates.to_bytes(pinned)


async def first_roots(address: tuple[str, int]) -> bytes:
    """The roots of whoever answers, as PEM; nothing is known of them yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([HTTP])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing secret is sent, and what comes back is checked against the pin
    return await _ask("GET", (address, Zone.CLOUD), "/v1/authority", b"", context)


async def post(address: tuple[str, int], path: str, asked: Enrol, roots: bytes) -> Enrolled:
    """A newcomer's request to a cloud under these roots. Raises Refused, Unreachable."""
    return await _post((address, Zone.CLOUD), path, request_to_bytes(asked), _trusting(roots))


async def _post(to: Upper, path: str, body: bytes, context: ssl.SSLContext) -> Enrolled:
    return answer_of_bytes(await _ask("POST", to, path, body, context), Enrolled)


async def _ask(method: str, to: Upper, path: str, body: bytes, context: ssl.SSLContext) -> bytes:
    address, zone = to
    url = f"https://{address[0]}:{address[1]}{path}"
    name = zone_host(zone) if context.check_hostname else None  # only the cloud may answer for the authority
    try:
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(socket_factory=own_socket),
                timeout=aiohttp.ClientTimeout(DEADLINE_S + (NEWS_S if method == "GET" else 0.0)),
            ) as session,
            session.request(method, url, data=body, ssl=context, server_hostname=name) as answer,
        ):
            raw = await _bounded(answer.content, url)
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unreachable(f"{url} did not answer: {error or 'too slow'}; is the cloud running there?") from error
    if status != 200:
        raise Refused(answer_of_bytes(raw, Turned).refused)
    return raw


async def _bounded(content: aiohttp.StreamReader, url: str) -> bytes:
    raw = bytearray()
    async for part in content.iter_any():
        raw += part
        if len(raw) > ANSWER_BYTES:
            raise ProtocolError(f"{url} answers with more than {ANSWER_BYTES} bytes; is it a ganglion cloud?")
    return bytes(raw)
