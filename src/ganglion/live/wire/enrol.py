"""Enrolment over the one port: the authority's certificate for anybody, a certificate for a token or for an old one."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.serialization import Encoding

from ...core.errors import Corrupt, Refused
from ...core.fleet import NodeId
from ..identity.authority import Authority
from ..identity.messages import Enrol, Enrolled, Renew, Turned
from ..identity.names import name_of_peer

REQUEST_BYTES = 16_384


@dataclass
class Enrolment:
    """Answers newcomers where the authority is."""

    authority: Authority

    def add_to(self, app: web.Application) -> None:
        """Registers its routes."""
        app.router.add_get("/v1/authority", self.certificate)
        app.router.add_post("/v1/enrol", self.enrol)
        app.router.add_post("/v1/renew", self.renew)

    async def certificate(self, request: web.Request) -> web.Response:
        """Public: a newcomer compares its digest with the one in the token."""
        return web.Response(body=self.authority.certificate.public_bytes(Encoding.PEM))

    async def enrol(self, request: web.Request) -> web.Response:
        """The one route that needs no client certificate and gives something: it needs a token."""
        try:
            asked = msgspec.json.decode(await request.read(), type=Enrol)
            return _given(self.authority.enrol(asked.id, asked.secret, NodeId(asked.node), asked.csr))
        except (Refused, Corrupt) as error:
            return _turned(str(error))
        except msgspec.MsgspecError:
            return _turned("the request is malformed; join with this ganglion's `edge join` or `device join`")

    async def renew(self, request: web.Request) -> web.Response:
        """A fresh certificate under the name of the one shown."""
        try:
            transport = request.transport
            name = name_of_peer(None if transport is None else transport.get_extra_info("peercert"))
            asked = msgspec.json.decode(await request.read(), type=Renew)
            return _given(self.authority.issue(asked.csr, name.node, name.zone))
        except Refused as error:
            return _turned(str(error))
        except msgspec.MsgspecError:
            return _turned("the request is malformed; renew with this ganglion")


def _given(enrolled: Enrolled) -> web.Response:
    return web.Response(body=msgspec.json.encode(enrolled), content_type="application/json")


def _turned(why: str) -> web.Response:
    return web.Response(status=403, body=msgspec.json.encode(Turned(why)), content_type="application/json")
