"""Enrolment over the one port: the roots for anybody, a certificate for a token or for an old one, news of members.

An edge hands its devices' renewals on to the cloud; whom to certify is the authority's business alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec
from aiohttp import web

from ...core.errors import Corrupt, GanglionError, Refused, Unreachable
from ...core.fleet import NodeId
from ..identity.authority import Authority
from ..identity.join import NEWS_S
from ..identity.members import News
from ..identity.messages import Enrolled, Turned, answer_to_bytes, enrol_of_bytes, renew_of_bytes
from .lines import Lines

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
        """Public: a newcomer compares digests with the one in the token."""
        return web.Response(body=self.authority.bundle)

    async def enrol(self, request: web.Request) -> web.Response:
        """The one route that needs no client certificate and gives something: it needs a token."""
        try:
            asked = enrol_of_bytes(await request.read())
            return _given(self.authority.enrol(asked.id, asked.secret, NodeId(asked.node), asked.csr))
        except (Refused, Corrupt) as error:
            return _turned(str(error))

    async def renew(self, request: web.Request) -> web.Response:
        """A fresh certificate for an old one; the request proves that its key is held."""
        try:
            asked = renew_of_bytes(await request.read())
            return _given(self.authority.renew(asked.csr, asked.certificate))
        except (Refused, Corrupt) as error:
            return _turned(str(error))


@dataclass
class Relay:
    """Hands renewals on where the authority is not; no token is ever handed on, for it would be shown to this node."""

    ask: Callable[[bytes], Awaitable[Enrolled]]  # one zone nearer to the authority

    def add_to(self, app: web.Application) -> None:
        """Registers its route."""
        app.router.add_post("/v1/renew", self.renew)

    async def renew(self, request: web.Request) -> web.Response:
        """What the authority says, or why it cannot be asked."""
        try:
            return _given(await self.ask(await request.read()))
        except Unreachable as error:
            return web.Response(status=503, body=answer_to_bytes(Turned(str(error))))
        except GanglionError as error:
            return _turned(str(error))


@dataclass
class Bulletin:
    """Tells nodes who belongs to the fleet, as soon as that changes."""

    lines: Lines
    latest: Callable[[], News]
    changed: asyncio.Condition
    closed: Callable[[], bool]

    def add_to(self, app: web.Application) -> None:
        """Registers its route."""
        app.router.add_get("/v1/members", self.members)

    async def members(self, request: web.Request) -> web.Response:
        """The list, once it is another than the version the asking neighbour has; or the same one after a while."""
        try:
            transport = request.transport
            self.lines.identify(None if transport is None else transport.get_extra_info("peercert"))
            after = int(request.query.get("after", "-1"))
        except (Refused, ValueError) as error:
            return _turned(str(error))
        try:
            async with asyncio.timeout(NEWS_S), self.changed:
                await self.changed.wait_for(lambda: self.closed() or self.latest().version != after)
        except TimeoutError:
            pass
        news = self.latest()
        if news.version == after:  # nothing is new: the list again, without what is long
            news = msgspec.structs.replace(news, metadata=b"")
        return web.Response(body=msgspec.json.encode(news), content_type="application/json")


def _given(enrolled: Enrolled) -> web.Response:
    return web.Response(body=answer_to_bytes(enrolled), content_type="application/json")


def _turned(why: str) -> web.Response:
    return web.Response(status=403, body=answer_to_bytes(Turned(why)), content_type="application/json")
