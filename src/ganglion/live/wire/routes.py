"""The HTTP side of the one port: blobs by range, parcels, and the three routes of enrolment."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from ...core.errors import ProtocolError, Refused, Unreachable
from ...core.ports import Parcel
from ...core.process import Failed, Lane
from ...flow.fetch.messages import Piece, Pull, Push
from .desk import Desk
from .frame import Bytes, Header, Kind, encode
from .lines import Lines
from .neighbour import Neighbour
from .sockets import tune_bulk
from .transfer import (
    BLOBS,
    HEAD,
    PARCELS,
    Limits,
    body_of,
    content_range,
    head_of,
    head_to_text,
    read_arrays,
    read_frame,
    show,
)


@dataclass
class Routes:
    """Turns requests into parcels for the node, and its answers into responses."""

    lines: Lines

    def add_to(self, app: web.Application) -> None:
        """Registers them."""
        app.router.add_get(BLOBS + "{digest}", self.blob, allow_head=False)
        app.router.add_put(BLOBS + "{digest}", self.blob)
        app.router.add_post(PARCELS, self.take)
        app.router.add_get(PARCELS, self.give, allow_head=False)

    async def blob(self, request: web.Request) -> web.StreamResponse:
        """A Pull or a Push: heard by the node, answered when the node answers."""
        try:
            peer = self._peer(request)
            parcel, seconds = await self._asked(request)
        except Refused as error:
            return web.Response(status=403, text=str(error))
        except (ProtocolError, OSError) as error:  # timeouts, and connections that broke, are among the latter
            return web.Response(status=400, text=str(error) or "the body came too slowly")
        wait_s = self.lines.settings.answer_s if parcel.left_s is None else parcel.left_s
        try:
            desk = cast(Desk, peer.bulk)
            answer, tell = await desk.ask(parcel.body, lambda: self._heard(peer, parcel, seconds), wait_s)
        except TimeoutError:
            return web.Response(status=504, text=f"the node gave no answer within {wait_s:g} s; try again")
        except Unreachable as error:
            return web.Response(status=503, text=str(error))
        try:
            return await self._answer(request, peer, parcel.body, answer)
        except (ProtocolError, OSError) as error:
            tell(Failed(answer.name, f"the answer did not arrive: {error}"))
            return _broken(request)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Any other parcel from a child."""
        try:
            peer = self._peer(request)
            parcel, seconds = await read_frame(request.content, self._limits(), self.lines.codec)
        except Refused as error:
            return web.Response(status=403, text=str(error))
        except (ProtocolError, OSError) as error:  # timeouts, and connections that broke, are among the latter
            return web.Response(status=400, text=str(error) or "the body came too slowly")
        self._heard(peer, parcel, seconds)
        return web.Response(status=204)

    async def give(self, request: web.Request) -> web.StreamResponse:
        """The next parcel that waits for a child."""
        try:
            peer = self._peer(request)
        except Refused as error:
            return web.Response(status=403, text=str(error))
        one = cast(Desk, peer.bulk).fetch()
        if one is None:
            return web.Response(status=204)
        try:
            head, parts, _ = encode(one.parcel, 0, self.lines.codec)
            return await self._respond(request, peer, (200, {}), [head, *parts], b"")
        except (ProtocolError, OSError) as error:
            self.lines.counts.lost += 1
            one.fail(f"it did not arrive: {error}")
            return _broken(request)

    def _peer(self, request: web.Request) -> Neighbour:
        transport = request.transport
        peer = self.lines.identify(None if transport is None else transport.get_extra_info("peercert"))
        if not isinstance(peer.bulk, Desk):
            raise Refused(f"{peer.id} is the parent of {self.lines.me.node}; it is dialled, and does not dial")
        if not peer.up:
            raise Refused(f"{peer.id} has no control connection; dial that first")
        return peer

    def _limits(self) -> Limits:
        return Limits(self.lines.settings.bulk_bytes, self.lines.settings.stall_s)

    async def _asked(self, request: web.Request) -> tuple[Parcel, float]:
        """The question in a request, if its address and ranges say the same as its head. Raises ProtocolError."""
        head: tuple[Header, bytes] = head_of(request.headers, self.lines.settings.bulk_bytes)
        parcel, seconds = await read_arrays(request.content, head, self._limits(), self.lines.codec)
        body, size = parcel.body, head[0].data_bytes
        match request.method, body:
            case "GET", Pull():
                agreed = request.headers.get("Range") == f"bytes={body.start}-{body.start + body.size - 1}"
            case "PUT", Push() if body.data is None:
                agreed = "offset" in request.query
            case "PUT", Push():
                agreed = request.headers.get("Content-Range") == content_range(body, size)
            case _:
                agreed = False
        if not agreed or body.ref.digest != request.match_info["digest"]:
            raise ProtocolError(f"the address or range of a {request.method} differs from the parcel it carries")
        return parcel, seconds

    def _heard(self, peer: Neighbour, parcel: Parcel, seconds: float) -> None:
        size = sum(array.nbytes for _, array in parcel.attached)
        if size and seconds > 0.0:
            peer.say(Kind.RECEIPT, Lane.BULK, size, seconds)
        self.lines.deliver(peer, parcel)

    async def _answer(self, request: web.Request, peer: Neighbour, asked: Any, answer: Parcel) -> web.StreamResponse:
        head, parts, _ = encode(answer, 0, self.lines.codec)
        if isinstance(answer.body, Piece):
            told = {HEAD: head_to_text(head), "Content-Range": content_range(answer.body, sum(map(len, parts)))}
            return await self._respond(request, peer, (206, told), parts, head)
        status = 404 if isinstance(asked, Pull) else 200
        return await self._respond(request, peer, (status, {}), [head, *parts], b"")

    async def _respond(
        self,
        request: web.Request,
        peer: Neighbour,
        told: tuple[int, Mapping[str, str]],
        parts: Sequence[Bytes],
        head: bytes,
    ) -> web.StreamResponse:
        show(self.lines.ears.tap, peer.id, head, parts)
        response = web.StreamResponse(status=told[0], headers=told[1])
        response.content_length = sum(map(len, parts))
        await response.prepare(request)
        sock = None if request.transport is None else tune_bulk(request.transport)
        if sock is not None:
            peer.pace.sockets.add(sock)
        try:
            async with aclosing(body_of(parts, peer.pace)) as pieces:
                async for piece in pieces:
                    async with asyncio.timeout(self.lines.settings.stall_s):
                        await response.write(piece)
            await response.write_eof()
        finally:
            if sock is not None:
                peer.pace.sockets.discard(sock)
        self.lines.counts.sent += 1
        return response


def _broken(request: web.Request) -> web.Response:
    """Gives a connection up: half an answer is on it, or nobody at its end. A link that is cut is no error here."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
