"""How a node gets its certificate: a token and a request, over TLS pinned to the authority that the token names."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import TypeVar

import aiohttp
import msgspec
from cryptography.hazmat.primitives.serialization import Encoding

from ...core.errors import ProtocolError, Refused, Unreachable
from ...core.label import Zone
from . import certificates
from .messages import Enrol, Enrolled, Renew, Turned, token_of
from .names import zone_host
from .node import Identity, accept, key_of

DEADLINE_S = 10.0
ANSWER_BYTES = 65_536
HTTP = "http/1.1"
T = TypeVar("T")


async def join(token: str, address: tuple[str, int], node: str, folder: Path) -> Identity:
    """Makes this node's key, trades the token for a certificate and keeps both in the folder.

    Raises Refused with the authority's reason, or when who answers is not the authority the token names; Unreachable.
    """
    invited = token_of(token)
    pinned = await _authority(address, invited.authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([HTTP])
    context.load_verify_locations(cadata=pinned.decode())
    csr = certificates.request(key_of(folder), node)
    asked = Enrol(invited.id, invited.secret, node, csr)
    accept(folder, await _post(address, "/v1/enrol", asked, context))
    return Identity.load(folder)


async def renew(identity: Identity, address: tuple[str, int]) -> None:
    """Trades a valid certificate for a fresh one over the same key. Raises Refused, Unreachable."""
    asked = Renew(certificates.request(key_of(identity.folder), identity.node))
    accept(identity.folder, await _post(address, "/v1/renew", asked, identity.client(HTTP)))
    identity.reload()


async def _authority(address: tuple[str, int], pin: bytes) -> bytes:
    """The authority's certificate as PEM, fetched from anybody and believed only if its digest is the pinned one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols([HTTP])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing secret is sent, and what comes back is checked against the pin
    pem = await _ask("GET", address, "/v1/authority", b"", context)
    found = certificates.certificate_of_bytes(pem)
    if hashlib.sha256(found.public_bytes(Encoding.DER)).digest() != pin:
        raise Refused(
            f"{address[0]}:{address[1]} belongs to another authority than the token; nothing was sent to it: "
            "check the address, or ask for a new token with `ganglion cloud invite`"
        )
    return found.public_bytes(Encoding.PEM)


async def _post(address: tuple[str, int], path: str, asked: Enrol | Renew, context: ssl.SSLContext) -> Enrolled:
    raw = await _ask("POST", address, path, msgspec.json.encode(asked), context)
    return _read(raw, Enrolled)


async def _ask(method: str, address: tuple[str, int], path: str, body: bytes, context: ssl.SSLContext) -> bytes:
    url = f"https://{address[0]}:{address[1]}{path}"
    name = zone_host(Zone.CLOUD) if context.check_hostname else None  # only the cloud may answer for the authority
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(DEADLINE_S)) as session,
            session.request(method, url, data=body, ssl=context, server_hostname=name) as answer,
        ):
            raw = await _bounded(answer.content, url)
            status = answer.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        raise Unreachable(f"{url} did not answer: {error or 'too slow'}; is the cloud running there?") from error
    if status != 200:
        raise Refused(_read(raw, Turned).refused)
    return raw


async def _bounded(content: aiohttp.StreamReader, url: str) -> bytes:
    raw = bytearray()
    async for part in content.iter_any():
        raw += part
        if len(raw) > ANSWER_BYTES:
            raise ProtocolError(f"{url} answers with more than {ANSWER_BYTES} bytes; is it a ganglion cloud?")
    return bytes(raw)


def _read(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"an answer of {len(raw)} bytes is malformed: {error}; is it a ganglion cloud?") from error
