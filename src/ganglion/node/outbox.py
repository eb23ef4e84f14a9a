"""What a node has promised to deliver: one numbered stream per neighbour, kept until the neighbour has committed it.

The receiver applies each number of a stream once, in order, and acknowledges after its own commit; the sender sends
again until it hears so. A re-imaged node has a new incarnation, hence a new stream.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ..core.codec import Codec
from ..core.fleet import NodeId
from ..core.ports import Change, Disk, Drop, Parcel, Put
from ..core.process import Lane, Send
from ..core.ref import Ref

OUTBOX, CURSOR = "outbox", "cursor"
WINDOW = 64  # parcels on their way to one neighbour at a time


@dataclass(frozen=True)
class Ack:
    """Everything up to `seq` of the stream with this incarnation is committed here."""

    incarnation: str
    seq: int


@dataclass(frozen=True)
class Kept:
    """A row of the outbox."""

    to: str
    seq: int
    flow: str
    lane: int
    body: bytes
    attach: tuple[Ref, ...]


@dataclass
class Stream:
    """Parcels for one neighbour that it has not acknowledged."""

    last: int = 0  # highest number given out
    waiting: dict[int, Kept] = field(default_factory=dict)  # in order


def row_key(to: NodeId, seq: int) -> str:
    """Key of an outbox row."""
    return f"{to}/{seq:012d}"


class Outbox:
    """Both directions' numbers. It decides what to write; `drive` commits it."""

    def __init__(self, codec: Codec, incarnation: str) -> None:
        self._codec = codec
        self.incarnation = incarnation
        self.streams: dict[NodeId, Stream] = {}
        self.cursors: dict[str, int] = {}  # "peer/incarnation" -> last number applied

    def load(self, disk: Disk) -> None:
        """Reads what a former life of this node left."""
        for row in disk.scan(OUTBOX):
            if row.key.endswith("/last"):
                self._stream(NodeId(row.key[: -len("/last")])).last = int(row.data)
                continue
            kept: Kept = self._codec.decode(row.data)
            stream = self._stream(NodeId(kept.to))
            stream.waiting[kept.seq] = kept
            stream.last = max(stream.last, kept.seq)
        for row in disk.scan(CURSOR):
            self.cursors[row.key] = int(row.data)

    def add(self, flow: str, send: Send) -> tuple[list[Change], Kept]:
        """Gives a message its number; the changes must be committed before it is sent."""
        stream = self._stream(send.to)
        stream.last += 1
        kept = Kept(send.to, stream.last, flow, int(send.lane), self._codec.encode(send.body), send.attach)
        stream.waiting[kept.seq] = kept
        return [
            Put(OUTBOX, row_key(send.to, kept.seq), self._codec.encode(kept)),
            Put(OUTBOX, f"{send.to}/last", str(kept.seq).encode(), replace=True),
        ], kept

    def acknowledged(self, by: NodeId, ack: Ack) -> list[Change]:
        """Forgets what a neighbour has committed."""
        if ack.incarnation != self.incarnation:
            return []
        stream = self._stream(by)
        done = [seq for seq in stream.waiting if seq <= ack.seq]
        for seq in done:
            del stream.waiting[seq]
        return [Drop(OUTBOX, row_key(by, seq)) for seq in done]

    def due(self, to: NodeId) -> Iterator[Kept]:
        """What to send now, oldest first, no more than a window."""
        for place, kept in enumerate(list(self._stream(to).waiting.values())):
            if place >= WINDOW:
                return
            yield kept

    def parcel(self, kept: Kept) -> Parcel:
        """A row as it travels, still without its attachments."""
        body = self._codec.decode(kept.body)
        return Parcel(kept.flow, "", body, Lane(kept.lane), None, self.incarnation, kept.seq)

    def is_next(self, sender: NodeId, parcel: Parcel) -> bool:
        """Whether this is the number that the sender's stream has to go on with."""
        return parcel.seq == self.cursors.get(f"{sender}/{parcel.incarnation}", 0) + 1

    def applied(self, sender: NodeId, parcel: Parcel) -> Put:
        """Moves the cursor; to be committed together with the effect."""
        key = f"{sender}/{parcel.incarnation}"
        self.cursors[key] = parcel.seq
        return Put(CURSOR, key, str(parcel.seq).encode(), replace=True)

    def ack(self, sender: NodeId, incarnation: str) -> Ack:
        """What to answer a sender with."""
        return Ack(incarnation, self.cursors.get(f"{sender}/{incarnation}", 0))

    @property
    def waiting(self) -> int:
        """How many parcels nobody has acknowledged."""
        return sum(len(stream.waiting) for stream in self.streams.values())

    def _stream(self, to: NodeId) -> Stream:
        return self.streams.setdefault(to, Stream())
