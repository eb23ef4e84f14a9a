"""The Net port over real sockets: a node dials its parent, its children dial it, and parcels take their lanes.

All methods are called on the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from aiohttp import web
from numpy.random import Generator

from ...core.codec import Codec
from ...core.errors import GanglionError, NotFound, Unreachable
from ...core.fleet import Fleet, NodeId
from ...core.ports import Parcel, Reading, Tell
from ...core.process import Failed, Lane
from ..identity.authority import Authority
from ..identity.names import Name
from ..identity.node import Identity
from .accept import Acceptor
from .caller import HTTP, Caller
from .desk import Desk
from .dial import ALPN, Dialler
from .door import listen as open_port
from .enrol import REQUEST_BYTES, Enrolment
from .http_log import http_log
from .limits import Settings
from .lines import Lines
from .neighbour import Bulk, Ears, Neighbour
from .outgoing import Outgoing
from .pace import Bucket
from .routes import Routes
from .waiting import Counts

OPEN_S = 2.0  # on top of the time to dial: for a child to be asked to open a lane


class WireNet:
    """Parcels to neighbours over mutual TLS. `rng` spreads attempts to dial."""

    def __init__(
        self,
        identity: Identity,
        fleet: Fleet,
        codec: Codec,
        ears: Ears,
        rng: Generator,
        settings: Settings = Settings(),  # noqa: B008  frozen
    ) -> None:
        self._identity = identity
        self._fleet = fleet
        self._rng = rng
        self._settings = settings
        self._lines = Lines(identity.name, fleet, codec, ears, settings)
        self._dialler: Dialler | None = None
        self._caller: Caller | None = None
        self._server: Acceptor | None = None
        self._http: web.AppRunner | None = None

    @property
    def counts(self) -> Counts:
        """What was sent, heard, dropped and lost so far."""
        return self._lines.counts

    @property
    def trouble(self) -> str:
        """Why the last connection ended or could not be made."""
        return self._lines.trouble

    @property
    def congestion(self) -> str:
        """The congestion control in force on the latest connection, such as "bbr"."""
        return self._lines.congestion

    async def start(
        self,
        listen: tuple[str, int] | None,
        parent: tuple[str, int] | None,
        authority: Authority | None = None,
        more: Sequence[Callable[[web.Application, Lines], None]] = (),
    ) -> int | None:
        """Opens the port and begins to dial. Gives the bound port; raises Unreachable where it cannot be had.

        With an `authority`, newcomers can enrol on the same port; whoever is in `more` adds routes of its own to it.
        """
        me = self._identity.node
        for child in self._fleet.children(me):
            desk = Desk(self._settings, self._lines.counts, partial(self._ring, child.id))
            self._add(child.id, False, desk)
        upper = self._fleet.node(me).parent
        if upper is not None and parent is not None:
            name = Name(self._identity.name.org, self._fleet.zone(upper), upper)
            self._caller = Caller(self._identity, self._lines, name, parent)
            self._dialler = Dialler(self._identity, self._lines, name, parent, self._rng)
            self._add(upper, True, self._caller)
            self._lines.dial = self._opened
            self._caller.start()
            self._dialler.start()
        if authority is not None:
            more = (lambda app, lines: Enrolment(authority).add_to(app), *more)
        return None if listen is None else await self._listen(listen, more)

    async def close(self) -> None:
        """Ends every connection and frees the port."""
        if self._dialler is not None:
            await self._dialler.close()
        if self._caller is not None:
            await self._caller.close()
        if self._server is not None:
            self._server.close()
        self._lines.close()
        if self._http is not None:
            await self._http.cleanup()
        if self._server is not None:
            await self._server.wait_closed()

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        """Puts a parcel on its lane. `tell(Failed(parcel.name, …))` where it is known not to arrive."""
        try:
            peer = self._neighbour(to)
            if not peer.up:
                raise Unreachable(f"link down: there is no connection between {self._identity.node} and {to}")
            if parcel.left_s is not None and parcel.left_s <= 0.0:
                self.counts.late_out += 1
                raise Unreachable("nobody wants it any more: its time had run out before it was sent")
            if parcel.lane is Lane.BULK:
                peer.bulk.send(parcel, tell)
                return
            peer.out[parcel.lane].send(parcel, tell)
            if peer.open[parcel.lane] is None:
                self._want(peer, parcel.lane)
        except GanglionError as error:
            tell(Failed(parcel.name, str(error)))

    def cancel(self, to: NodeId, name: str) -> None:
        """Takes back parcels of that name that have not gone; what has gone is gone."""
        peer = self._neighbour(to)
        for out in peer.out:
            out.cancel(name)
        peer.bulk.cancel(name)

    def link(self, to: NodeId) -> Reading:
        """What real transfers to this neighbour have shown."""
        peer = self._neighbour(to)
        return peer.measured.reading(peer.up)

    def bar(self, names: Iterable[str]) -> None:
        """Keeps these neighbours out from now on, and only these; their connections end at once."""
        self._lines.bar(names)

    def pace(self, to: NodeId, bytes_s: float | None) -> None:
        """The most that the bulk lane to a neighbour may send; None leaves it to what the link was seen to carry."""
        self._neighbour(to).pace.bytes_s = bytes_s

    def _add(self, id: NodeId, hosts: bool, bulk: Bulk) -> None:
        loop, lines = asyncio.get_running_loop(), self._lines
        control, tensor = (
            Outgoing(lane, lines.codec, loop, self._settings, lines.counts) for lane in (Lane.CONTROL, Lane.TENSOR)
        )
        lines.neighbours[id] = Neighbour(id, hosts, (control, tensor), Bucket(loop.time), bulk)

    def _neighbour(self, id: NodeId) -> Neighbour:
        known = self._lines.neighbours.get(id)
        if known is None:
            there = sorted(self._lines.neighbours)
            raise NotFound(
                f"{id} is no neighbour of {self._identity.node}; there are {there}: send through one of them"
            )
        return known

    def _want(self, peer: Neighbour, lane: Lane) -> None:
        """A parcel waits for a lane that is not open."""
        if peer.hosts and self._dialler is not None:
            self._dialler.tensor()
            return
        peer.tell_open(lane)
        asyncio.get_running_loop().call_later(self._settings.dial_s + OPEN_S, self._still_closed, peer, lane)

    def _still_closed(self, peer: Neighbour, lane: Lane) -> None:
        if peer.open[lane] is None:
            peer.out[lane].broken(f"{peer.id} was asked to open the {lane.name} lane and did not")

    def _opened(self, lane: Lane) -> None:
        """The parent asks this node to open a lane, or to fetch what waits on the bulk lane."""
        if lane is Lane.TENSOR and self._dialler is not None:
            self._dialler.tensor()
        elif lane is Lane.BULK and self._caller is not None:
            self._caller.fetch_mail()

    def _ring(self, id: NodeId) -> None:
        self._lines.neighbours[id].tell_open(Lane.BULK)

    async def _listen(self, address: tuple[str, int], more: Sequence[Callable[[web.Application, Lines], None]]) -> int:
        app = web.Application(client_max_size=REQUEST_BYTES)
        Routes(self._lines).add_to(app)
        for add in more:
            add(app, self._lines)
        self._http = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, logger=http_log())
        await self._http.setup()
        assert self._http.server is not None
        context = self._identity.server(ALPN, HTTP)
        try:
            self._server = open_port(self._lines, self._http.server, address, context)
        except OSError as error:
            await self._http.cleanup()
            where = f"{address[0]}:{address[1]}"
            raise Unreachable(f"{where} cannot be listened on: {error}; choose another port, or 0 for any") from error
        return self._server.where[1]
