"""A node's messages: out at once and perhaps lost, or promised and sent again until acknowledged; what came in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..core.errors import NotFound
from ..core.facts import Denied
from ..core.fleet import NodeId
from ..core.ports import Change, Clock, Net, Parcel, Tell
from ..core.process import Lane, Send
from ..core.ref import Ref
from .outbox import Ack, Kept, Outbox
from .runs import key_of
from .tools import Tools

RETRY_S = 2.0  # how long a promised parcel may stay unacknowledged on a live link before it is sent again


class Post:
    """Sends; what is promised is in the outbox, which `drive` commits together with its cause."""

    def __init__(self, tools: Tools, clock: Clock, net: Net, observe: Callable[[Any], None], incarnation: str) -> None:
        self.outbox = Outbox(tools.codec, incarnation)
        self._tools = tools
        self._clock = clock
        self._net = net
        self._observe = observe
        self._up: set[NodeId] = set()

    def boot(self) -> None:
        """Reads what was promised in a former life, and looks after it from now on."""
        self.outbox.load(self._tools.disk)
        self._retry()

    def linked(self, peer: NodeId, up: bool) -> bool:
        """Takes note of a neighbour; whether that is news."""
        if up == (peer in self._up):
            return False
        (self._up.add if up else self._up.discard)(peer)
        return True

    def promise(self, send: Send) -> tuple[list[Change], Callable[[], None]]:
        """What to commit for a message that must arrive, and what to do then."""
        changes, kept = self.outbox.add(_flow_of(send.body), send)
        return changes, lambda: self._post(kept)

    def send(self, send: Send, tell: Tell) -> None:
        """A message that may be lost."""
        parcel = Parcel(_flow_of(send.body), key_of(send.body), send.body, send.lane, send.left_s, name=send.name)
        self._put(send.to, parcel, send.attach, tell)

    def unpack(self, parcel: Parcel) -> None:
        """Keeps what came with a parcel: tensors of a request in flight in the tray, blobs on the disk."""
        for ref, array in parcel.attached:
            if ref.is_held:
                self._tools.tray.take(ref, array)
            else:
                self._tools.disk.put([np.ascontiguousarray(array).data], ref.label)

    def resend(self, peer: NodeId) -> None:
        """Everything that a neighbour has not acknowledged, oldest first."""
        for kept in list(self.outbox.due(peer)):
            self._post(kept)

    def acknowledge(self, sender: NodeId, incarnation: str) -> None:
        """Tells a sender how far its stream is committed here."""
        ack = self.outbox.ack(sender, incarnation)
        self._net.send(sender, Parcel("outbox", "", ack, Lane.CONTROL), lambda event: None)

    def acknowledged(self, sender: NodeId, ack: Ack) -> None:
        """Forgets what a neighbour has committed."""
        changes = self.outbox.acknowledged(sender, ack)
        if changes:
            self._tools.disk.commit(changes, lambda: None)

    def _put(self, to: NodeId, parcel: Parcel, attach: tuple[Ref, ...], tell: Tell) -> None:
        attached = tuple((ref, self._array_of(ref)) for ref in attach)
        self._net.send(to, replace(parcel, attached=attached), tell)

    def _array_of(self, ref: Ref) -> np.ndarray[Any, Any]:
        if ref.is_held:
            return self._tools.tray.get(ref)
        return np.frombuffer(self._tools.disk.get(ref), np.uint8)

    def _post(self, kept: Kept) -> None:
        """Sends a promised parcel if there is a link; if not, the link's return will."""
        try:
            self._put(NodeId(kept.to), self.outbox.parcel(kept), kept.attach, lambda event: None)
        except NotFound as error:  # the blob behind it was dropped: say so, and let the stream go on without it
            self._observe(Denied("send", kept.flow, NodeId(kept.to), str(error)))
            self._put(NodeId(kept.to), self.outbox.parcel(kept), (), lambda event: None)

    def _retry(self) -> None:
        for peer in sorted(self._up):
            self.resend(peer)
        self._clock.wake(self._clock.now_s() + RETRY_S, self._retry)


def _flow_of(body: Any) -> str:
    """The folder of a message: which process it belongs to."""
    return str(type(body).__module__.split(".")[-2])
