"""All connections of a node: who may have one, which is the current one of a lane, and what comes over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ...core.codec import Codec
from ...core.errors import Refused
from ...core.fleet import Fleet, NodeId
from ...core.ports import Parcel
from ...core.process import Lane
from ..identity.names import Name, name_of_peer
from .connection import Connection
from .frame import Draft, Header, Kind, finish
from .incoming import Data
from .limits import Settings
from .neighbour import Ears, Neighbour
from .waiting import Counts

log = logging.getLogger("ganglion.wire")


class Lines:
    """Keeps one neighbour's state per direct neighbour in the fleet, and no other."""

    def __init__(self, me: Name, fleet: Fleet, codec: Codec, ears: Ears, settings: Settings) -> None:
        self.me = me
        self.fleet = fleet
        self.codec = codec
        self.ears = ears
        self.settings = settings
        self.counts = Counts()
        self.neighbours: dict[NodeId, Neighbour] = {}
        self.barred: frozenset[str] = frozenset()  # neighbours whom the fleet's owner has disabled
        self.dial: Callable[[Lane], None] = _nobody_dials
        self.trouble = ""  # why the last connection ended or could not be made
        self.congestion = ""  # control in force on the latest connection
        self._live: set[Connection] = set()

    def identify(self, certificate: Mapping[str, Any] | None) -> Neighbour:
        """The neighbour behind a verified certificate. Raises Refused for strangers."""
        name = name_of_peer(certificate)
        known = self.neighbours.get(name.node)
        if known is None or name.org != self.me.org or name.zone is not self.fleet.zone(name.node):
            raise Refused(f"{name.uri} is no neighbour of {self.me.node}; add it to the fleet file, or dial its parent")
        if name.node in self.barred:
            raise Refused(f"{name.uri} is disabled; `ganglion cloud enable {name.node}` lets it in again")
        return known

    def bar(self, names: Iterable[str]) -> None:
        """Only these are kept out from now on; what connections they have end at once."""
        self.barred = frozenset(names)
        for connection in list(self._live):
            if connection.peer in self.barred:
                connection.drop("it was disabled")

    def admit(self, connection: Connection, certificate: Mapping[str, Any] | None) -> NodeId:
        """Who is on a new connection. Raises Refused."""
        self._live.add(connection)
        return self.identify(certificate).id

    def ready(self, connection: Connection, credit: int) -> None:
        """Both sides have said hello; a newer connection of a lane takes the place of the older."""
        peer, lane = self.neighbours[connection.peer], connection.lane
        if lane is not Lane.CONTROL and not peer.up:
            connection.refuse("no control connection stands; dial that first")
            return
        if (older := peer.open[lane]) is not None:
            older.drop("a newer connection took its place")
        peer.open[lane] = connection
        self.congestion = connection.congestion
        peer.out[lane].connected(connection.write, credit)
        if lane is Lane.CONTROL:
            connection.beat()
            self.ears.linked(peer.id, True)

    def parcel(self, connection: Connection, made: Draft, data: Data, seconds: float) -> None:
        """A parcel came on a hot lane within so many seconds. Raises ProtocolError for a malformed one."""
        peer = self.neighbours[connection.peer]
        self.deliver(peer, finish(made, data, seconds + (peer.measured.delay_s or 0.0)))

    def deliver(self, peer: Neighbour, parcel: Parcel) -> None:
        """Hands a parcel to the node, unless its time ran out on the way."""
        if parcel.left_s is not None and parcel.left_s <= 0.0:
            self.counts.late_in += 1
            return
        self.counts.heard += 1
        try:
            self.ears.hear(peer.id, parcel)
        except Exception as error:  # boundary: the WebSocket library would swallow it; the loop's handler shows it
            asyncio.get_running_loop().call_exception_handler(
                {"message": f"a {type(parcel.body).__name__} from {peer.id} could not be handled", "exception": error}
            )

    def signal(self, connection: Connection, header: Header, seconds: float) -> None:
        """A frame that is no parcel."""
        peer = self.neighbours[connection.peer]
        if header.kind is Kind.CREDIT:
            peer.out[connection.lane].granted(header.id)
        elif header.kind is Kind.RECEIPT:
            peer.measured.transferred(header.id, seconds)
            if header.lane is Lane.BULK:
                peer.pace.uplink.arrived(header.id, seconds)
        elif header.kind is Kind.OPEN and peer.hosts:
            self.dial(header.lane)

    def room(self, connection: Connection, free: bool) -> None:
        """A socket is full, or has room again."""
        peer = self.neighbours.get(connection.peer)
        if peer is not None and peer.open[connection.lane] is connection:
            peer.out[connection.lane].paused = not free
            if free:
                peer.out[connection.lane].flush()

    def round_trip(self, connection: Connection, seconds: float) -> None:
        """A ping came back."""
        self.neighbours[connection.peer].measured.answered(seconds)

    def gone(self, connection: Connection) -> None:
        """A connection has ended, or is about to: nothing is sent or heard on it any more."""
        self._live.discard(connection)
        who = connection.peer or "an unknown peer"
        self.trouble = f"{connection.lane.name} with {who}: {connection.why}"
        log.info("%s", self.trouble)
        peer = self.neighbours.get(connection.peer)
        if peer is not None and peer.open[connection.lane] is connection:
            self._closed(peer, connection)

    def close(self) -> None:
        """Ends every connection."""
        for connection in list(self._live):
            connection.drop("this node stops")

    def _closed(self, peer: Neighbour, connection: Connection) -> None:
        why = f"link down: {connection.why}"
        peer.open[connection.lane] = None
        if connection.lane is not Lane.CONTROL:
            peer.out[connection.lane].broken(why)
            return
        for other in peer.open:
            if other is not None:
                other.drop("the control connection ended")
        for out in peer.out:
            out.broken(why)
        peer.bulk.broken(why)
        self.ears.linked(peer.id, False)


def _nobody_dials(lane: Lane) -> None:
    """Stands where a node has no parent."""
