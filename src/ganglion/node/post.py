"""A node's messages: out at once and perhaps lost, or promised and sent again until acknowledged; what came in them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import Corrupt, GanglionError, NotFound
from ..core.facts import Audited, Denied
from ..core.fleet import NodeId
from ..core.ports import Change, Clock, Net, Parcel, Tell
from ..core.process import Lane, Send
from ..core.ref import Ref
from .outbox import Ack, Kept, Outbox
from .runs import key_of
from .tools import Tools

RETRY_S = 2.0  # how long a live link may bring no acknowledgement before promised parcels are sent again; then twice as
LONGEST_S = 32.0  # long each time: on a slow link what was sent before is still on its way


@dataclass
class Way:
    """A living link to a neighbour, and how far its stream has come on it."""

    sent: int = 0  # highest number sent since it came up
    since_s: float = 0.0  # last progress
    patience_s: float = RETRY_S


class Post:
    """Sends; what is promised is in the outbox, which `drive` commits together with its cause."""

    def __init__(self, tools: Tools, clock: Clock, net: Net, observe: Callable[[Any], None], incarnation: str) -> None:
        self.outbox = Outbox(tools.codec, incarnation, tools.policy.promised_bytes)
        self._tools = tools
        self._clock = clock
        self._net = net
        self._observe = observe
        self._up: dict[NodeId, Way] = {}
        self._full = False  # and that has been told
        self._owed: dict[tuple[NodeId, str], None] = {}  # senders, and their disks, that wait to be acknowledged

    def boot(self) -> None:
        """Reads what was promised in a former life, and looks after it from now on."""
        self.outbox.load(self._tools.disk)
        self._retry()

    def restore(self) -> None:
        """Reads it all again; what was under way may come twice, which its receivers know how to take."""
        self.outbox = Outbox(self._tools.codec, self.outbox.incarnation, self._tools.policy.promised_bytes)
        self.outbox.load(self._tools.disk)
        for peer in sorted(self._up):
            self.resend(peer)

    def expects(self, sender: NodeId, parcel: Parcel) -> bool:
        """Whether the node has to take it: no acknowledgement, and no part of a stream out of its turn."""
        if isinstance(parcel.body, Ack):
            self.acknowledged(sender, parcel.body)
            return False
        if parcel.seq and not self.outbox.is_next(sender, parcel):
            self.acknowledge(sender, parcel.incarnation)
            return False
        return not (parcel.seq and self._holds_back(sender, parcel))

    def _holds_back(self, sender: NodeId, parcel: Parcel) -> bool:
        """Back-pressure: who is below keeps its promises, and sends them again, as long as this outbox is full."""
        why = self.outbox.full if sender != self._tools.fleet.node(self._tools.me).parent else ""
        if why and not self._full:
            self._observe(Denied("arrival", type(parcel.body).__name__, sender, why))
        self._full = bool(self.outbox.full)
        return bool(why)

    def linked(self, peer: NodeId, up: bool) -> bool:
        """Takes note of a neighbour; whether that is news."""
        if up == (peer in self._up):
            return False
        if up:
            self._up[peer] = Way(since_s=self._clock.now_s())
        else:
            del self._up[peer]
        return True

    def promise(self, send: Send) -> tuple[list[Change], Callable[[], None]]:
        """What to commit for a message that must arrive, and what to do then."""
        changes, seq, freed = self.outbox.add(_flow_of(send.body), send)

        def act() -> None:
            self.outbox.committed(send.to, seq)
            self._drop(freed)
            self._advance(send.to)

        return changes, act

    def send(self, send: Send, tell: Tell) -> None:
        """A message that may be lost."""
        parcel = Parcel(_flow_of(send.body), key_of(send.body), send.body, send.lane, send.left_s, name=send.name)
        self._put(send.to, parcel, send.attach, tell)

    def taken(self, sender: NodeId, parcel: Parcel, hearers: Callable[[Any], list[str]]) -> bool:
        """Keeps what came with a parcel that somebody here hears.

        False: it does not fit here now, or not yet. It is not settled then, so that a promised one comes again.
        """
        try:
            if hearers(parcel.body):
                self._unpack(parcel)
        except GanglionError as error:
            self._observe(Denied("arrival", type(parcel.body).__name__, sender, str(error)))
            return False
        return True

    def _unpack(self, parcel: Parcel) -> None:
        """Tensors of a request in flight go to the tray, blobs to the disk."""
        for ref, array in parcel.attached:
            if ref.is_held:
                self._tools.tray.take(ref, array)
            else:
                self._tools.disk.put([np.ascontiguousarray(array).data], ref.label)

    def resend(self, peer: NodeId) -> None:
        """Everything in the window that a neighbour has not acknowledged, oldest first."""
        if (way := self._up.get(peer)) is not None:
            way.sent = 0
            self._advance(peer)

    def settled(self, sender: NodeId, parcel: Parcel) -> None:
        """What was applied is committed: its sender may forget it."""
        if self.outbox.settled(sender, parcel):
            self._observe(
                Audited("re-imaged", sender, f"its promises are numbered anew, from disk {parcel.incarnation}")
            )
        self.acknowledge(sender, parcel.incarnation)

    def acknowledge(self, sender: NodeId, incarnation: str) -> None:
        """Tells a sender how far its stream is committed here: soon, and once for all that one write has committed."""
        if not self._owed:
            self._clock.wake(self._clock.now_s(), self._acknowledge)
        self._owed[sender, incarnation] = None

    def _acknowledge(self) -> None:
        owed, self._owed = self._owed, {}
        for sender, incarnation in owed:
            ack = self.outbox.ack(sender, incarnation)
            self._net.send(sender, Parcel("outbox", "", ack, Lane.CONTROL), lambda event: None)

    def acknowledged(self, sender: NodeId, ack: Ack) -> None:
        """Forgets what a neighbour has committed, and sends on."""
        if (gap := self.outbox.bridge(sender, ack)) is not None:
            self._net.send(sender, gap, lambda event: None)
        if changes := self.outbox.acknowledged(sender, ack):
            if (way := self._up.get(sender)) is not None:
                way.since_s, way.patience_s = self._clock.now_s(), RETRY_S
            self._tools.disk.commit(changes, lambda: self._forget(sender, ack))

    def _forget(self, sender: NodeId, ack: Ack) -> None:
        self._drop(self.outbox.forget(sender, ack))
        self._advance(sender)

    def _drop(self, refs: Iterable[Ref]) -> None:
        for ref in refs:
            self._tools.disk.drop(ref)

    def _advance(self, peer: NodeId) -> None:
        """Sends what may go and was not sent on this link; if there is none, the link's return will."""
        way = self._up.get(peer)
        if way is None:
            return
        for place, kept in enumerate(list(self.outbox.due(peer))):
            if kept.seq > way.sent:
                way.since_s = way.since_s if place else self._clock.now_s()  # nothing was under way
                way.sent = kept.seq
                self._post(kept)

    def _put(self, to: NodeId, parcel: Parcel, attach: tuple[Ref, ...], tell: Tell) -> None:
        if attach:
            parcel = replace(parcel, attached=tuple((ref, self._array_of(ref)) for ref in attach))
        self._net.send(to, parcel, tell)

    def _array_of(self, ref: Ref) -> np.ndarray[Any, Any]:
        if ref.is_held:
            return self._tools.tray.get(ref)
        return np.frombuffer(self._tools.disk.get(ref), np.uint8)

    def _post(self, kept: Kept) -> None:
        """Sends a promised parcel; where its blob is gone or damaged, a gap, lest the stream wait for it for ever."""
        to = NodeId(kept.to)
        try:
            self._put(to, self.outbox.parcel(kept), kept.attach, lambda event: None)
        except (NotFound, Corrupt) as error:
            self._observe(Denied("send", kept.flow, to, str(error)))
            self._put(to, self.outbox.parcel(kept, str(error)), (), lambda event: None)

    def _retry(self) -> None:
        now_s = self._clock.now_s()
        for peer in sorted(self._up):
            way = self._up[peer]
            if now_s - way.since_s >= way.patience_s and next(self.outbox.due(peer), None) is not None:
                way.patience_s = min(2 * way.patience_s, LONGEST_S)
                self.resend(peer)
        self._clock.wake(now_s + RETRY_S, self._retry)


def _flow_of(body: Any) -> str:
    """The folder of a message: which process it belongs to."""
    return str(type(body).__module__.split(".")[-2])
