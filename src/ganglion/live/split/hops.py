"""The links of one place, over the fleet's wire: the place before dials here, the place beyond is dialled from here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.random import Generator
from numpy.typing import NDArray

from ...core.errors import GanglionError, Unreachable
from ...core.fleet import Fleet, Link, Node, NodeId
from ...core.label import Zone
from ...core.ports import Parcel, Reading, Tell
from ...core.process import Event, Failed, Lane
from ...core.ref import Ref
from ..identity.names import Name
from ..identity.node import Identity
from ..wire.accept import Acceptor
from ..wire.dial import ALPN, Dialler
from ..wire.door import listen as open_port
from ..wire.limits import Settings
from ..wire.lines import Lines
from ..wire.neighbour import Ears, Neighbour
from ..wire.outgoing import Outgoing
from ..wire.pace import Bucket
from .awake import Awake
from .messages import CODEC, HOT, Body

Attached = Sequence[tuple[Ref, NDArray[Any]]]
NEAREST = NodeId("~")  # stands for a root where no place is in the cloud


@dataclass(frozen=True)
class Seat:
    """Where one place is: who serves it, in which zone, and where it listens; place 0 need not listen."""

    node: NodeId
    zone: Zone
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True)
class Heard:
    """Who is told what comes; both are called on the loop's thread."""

    body: Callable[[bool, Body, Attached, float | None], None]  # whether it is from beyond; seconds left
    linked: Callable[[bool, bool], None]  # whether the link is the one beyond; whether it is up


class Hops:
    """At most two neighbours. Zones come from certificates and need not grow from place to place."""

    def __init__(
        self,
        identity: Identity,
        around: tuple[Seat | None, Seat | None],
        rng: Generator,
        awake_s: float,
    ) -> None:
        settings = Settings()
        self.before, self.beyond = around
        self._awake = Awake(asyncio.get_running_loop(), awake_s)
        self._identity = identity
        self.heard: Heard  # must be set before the start
        self._settings = settings
        seats = [seat for seat in around if seat is not None]
        ears = Ears(self._hear, self._linked)
        self._lines = Lines(identity.name, _zones(identity.name, seats), CODEC, ears, settings)
        self._dialler: Dialler | None = None
        if self.beyond is not None:
            name = Name(identity.name.org, self.beyond.zone, self.beyond.node)
            address = (self.beyond.host, self.beyond.port)
            self._dialler = Dialler(identity, self._lines, name, address, rng)
        self._server: Acceptor | None = None

    async def start(self, listen: tuple[str, int] | None) -> int | None:
        """Opens the port for the place before, and begins to dial. Gives the bound port; raises Unreachable."""
        for seat in (self.before, self.beyond):
            if seat is not None:
                self._lines.neighbours[seat.node] = self._neighbour(seat)
        if self._dialler is not None:
            self._lines.dial = lambda lane: self._open(lane)
            self._dialler.start()
        if listen is None or self.before is None:
            return None
        try:
            context = self._identity.server(ALPN)
            self._server = open_port(self._lines, _Nobody, listen, context)
        except OSError as error:
            where = f"{listen[0]}:{listen[1]}"
            raise Unreachable(f"{where} cannot be listened on: {error}; choose another port, or 0 for any") from error
        return self._server.where[1]

    async def close(self) -> None:
        """Ends both links and frees the port."""
        if self._dialler is not None:
            await self._dialler.close()
        if self._server is not None:
            self._server.close()
        self._lines.close()
        if self._server is not None:
            await self._server.wait_closed()

    def up(self, beyond: bool) -> bool:
        """Whether that link stands."""
        seat = self.beyond if beyond else self.before
        return seat is not None and self._lines.neighbours[seat.node].up

    def reading(self) -> Reading:
        """The link beyond as the wire has seen it."""
        assert self.beyond is not None
        peer = self._lines.neighbours[self.beyond.node]
        return peer.measured.reading(peer.up)

    @property
    def trouble(self) -> str:
        """Why the last connection ended or could not be made."""
        return self._lines.trouble

    def send(
        self, beyond: bool, body: Body, attached: Attached = (), left_s: float | None = None, lost: Tell | None = None
    ) -> None:
        """Puts a message on its way; `lost(Failed)` is told where it is known not to arrive."""
        tell = lost or _nothing
        seat = self.beyond if beyond else self.before
        try:
            if seat is None or not (peer := self._lines.neighbours[seat.node]).up:
                raise Unreachable(f"link down: {self.trouble or 'nobody is there'}")
            lane = Lane.TENSOR if isinstance(body, HOT) else Lane.CONTROL
            peer.out[lane].send(Parcel("split", "", body, lane, left_s, attached=tuple(attached)), tell)
            if peer.open[lane] is None:
                self._want(peer, lane)
            elif lane is Lane.TENSOR:
                self._awake.sent()
        except GanglionError as error:
            tell(Failed("", str(error)))

    def _want(self, peer: Neighbour, lane: Lane) -> None:
        if peer.hosts:
            self._open(lane)
        else:
            peer.tell_open(lane)

    def _open(self, lane: Lane) -> None:
        if lane is Lane.TENSOR and self._dialler is not None:
            self._dialler.tensor()

    def _hear(self, sender: NodeId, parcel: Parcel) -> None:
        beyond = self.beyond is not None and sender == self.beyond.node
        if parcel.lane is Lane.TENSOR:
            self._awake.heard()
        self.heard.body(beyond, parcel.body, parcel.attached, parcel.left_s)

    def _linked(self, peer: NodeId, up: bool) -> None:
        beyond = self.beyond is not None and peer == self.beyond.node
        if up and beyond:
            self._open(Lane.TENSOR)
        self.heard.linked(beyond, up)

    def _neighbour(self, seat: Seat) -> Neighbour:
        loop, lines = asyncio.get_running_loop(), self._lines
        control, tensor = (
            Outgoing(lane, CODEC, loop, self._settings, lines.counts) for lane in (Lane.CONTROL, Lane.TENSOR)
        )
        return Neighbour(seat.node, seat is self.beyond, (control, tensor), Bucket(loop.time), _NoBulk())


def _zones(me: Name, seats: Sequence[Seat]) -> Fleet:
    """The neighbours and this node as a fleet whose only use is to say who is in which zone."""
    zones = {me.node: me.zone} | {seat.node: seat.zone for seat in seats}
    roots = [id for id, zone in zones.items() if zone is Zone.CLOUD] or [NEAREST]
    nodes = [Node(id, zone, None if zone is Zone.CLOUD else roots[0]) for id, zone in zones.items()]
    nodes += [Node(NEAREST, Zone.CLOUD)] if roots == [NEAREST] else []
    links = tuple((node.id, Link("", 1.0, 1.0, 0.0)) for node in nodes if node.parent is not None)
    return Fleet(tuple(nodes), links)


def _nothing(event: Event) -> None:
    """Nobody waits to hear that it could not go."""


class _NoBulk:
    """Places move nothing in bulk."""

    def send(self, parcel: Parcel, tell: Tell) -> None:
        """Never called, for nothing is sent on this lane."""
        tell(Failed(parcel.name, "places of a split model have no bulk lane"))

    def cancel(self, name: str) -> None:
        """There is nothing to take back."""

    def broken(self, why: str) -> None:
        """There is nothing under way."""


class _Nobody(asyncio.Protocol):
    """Who does not speak the wire's protocol is let go at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands, and that was all."""
        transport.close()
