"""What a node has promised to deliver: one numbered stream per neighbour, kept until the neighbour has committed it.

The receiver applies each number of a stream once, in order, and acknowledges after its own commit; the sender sends
again until it hears so. A re-imaged node has a new incarnation, hence a new stream. Where promises outgrow their quota
the oldest that may be spared are given up, and a Gap in their place says so: it is itself kept until it is committed.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile

from ..core.codec import Codec
from ..core.fleet import NodeId
from ..core.ports import Change, Disk, Drop, Parcel, Put
from ..core.process import Lane, Send
from ..core.ref import Ref
from .runs import spare_in

OUTBOX, CURSOR = "outbox", "cursor"
WINDOW = 64  # parcels on their way to one neighbour at a time
QUOTA_BYTES = 1 << 30
ROW_BYTES = 256  # what a row takes besides its body: keys, indexes, its page's share
FULL, OTHER_DISK = "the outbox was full", "the receiver's disk is another one"


@dataclass(frozen=True)
class Ack:
    """Everything up to `seq` of the stream with this incarnation is committed here."""

    incarnation: str
    seq: int


@dataclass(frozen=True)
class Gap:
    """Numbers from `first` to that of its parcel were given up: so many items, so many bytes, and why."""

    first: int
    items: int
    size_bytes: int
    why: str


@dataclass(frozen=True)
class Kept:
    """A row of the outbox."""

    to: str
    seq: int
    flow: str
    lane: int
    body: bytes
    attach: tuple[Ref, ...]

    @property
    def size_bytes(self) -> int:
        """What it takes on the disk, about."""
        return ROW_BYTES + len(self.body) + sum(ref.size_bytes for ref in self.attach)


@dataclass
class Stream:
    """Parcels for one neighbour that it has not acknowledged."""

    last: int = 0  # highest number given out
    committed: int = 0  # highest number that is on this disk; no higher one may be sent
    forgetting: int = 0  # acknowledged, and about to leave this disk
    waiting: dict[int, Kept] = field(default_factory=dict)  # in order
    spare: deque[tuple[int, int]] = field(default_factory=deque)  # number and items of what may be given up, in order

    @property
    def behind(self) -> int:
        """The highest number that the neighbour must have had."""
        return next(iter(self.waiting), self.last + 1) - 1


def row_key(to: NodeId, seq: int) -> str:
    """Key of an outbox row."""
    return f"{to}/{seq:012d}"


class Outbox:
    """Both directions' numbers. It decides what to write; `drive` commits it."""

    def __init__(self, codec: Codec, incarnation: str, quota_bytes: int = QUOTA_BYTES) -> None:
        self._codec = codec
        self._quota_bytes = quota_bytes
        self.incarnation = incarnation
        self.used_bytes = 0
        self._needed: Counter[str] = Counter()  # promises that a blob is attached to, by digest
        self.streams: dict[NodeId, Stream] = {}
        self.cursors: dict[str, int] = {}  # "peer/incarnation" -> last number applied
        self._settled: dict[str, int] = {}  # the same, as it is on this disk

    def load(self, disk: Disk) -> None:
        """Reads what a former life of this node left."""
        rows: list[Kept] = []
        for row in disk.scan(OUTBOX):
            if row.key.endswith("/last"):
                stream = self._stream(NodeId(row.key[: -len("/last")]))
                stream.last = stream.committed = int(row.data)
            else:
                rows.append(self._codec.decode(row.data))
        for kept in sorted(rows, key=lambda kept: kept.seq):  # a gap was written later than what follows it
            self._insert(kept, spare_in(self._codec.decode(kept.body)))
        for row in disk.scan(CURSOR):
            self.cursors[row.key] = self._settled[row.key] = int(row.data)

    def add(self, flow: str, send: Send) -> tuple[list[Change], int, list[Ref]]:
        """Gives a message its number. What to commit before it is sent, and blobs to drop once that is done."""
        stream = self._stream(send.to)
        stream.last += 1
        kept = Kept(send.to, stream.last, flow, int(send.lane), self._codec.encode(send.body), send.attach)
        self._insert(kept, spare_in(send.body))
        last = Put(OUTBOX, f"{send.to}/last", str(kept.seq).encode(), replace=True)
        changes, freed = self._give_up()
        return [Put(OUTBOX, row_key(send.to, kept.seq), self._codec.encode(kept)), last, *changes], kept.seq, freed

    def committed(self, to: NodeId, seq: int) -> None:
        """A promise is on this disk."""
        self._stream(to).committed = seq

    def acknowledged(self, by: NodeId, ack: Ack) -> list[Change]:
        """What to commit, before `forget`, when a neighbour has committed this much."""
        if ack.incarnation != self.incarnation:
            return []
        stream = self._stream(by)
        done = [seq for seq in takewhile(lambda seq: seq <= ack.seq, stream.waiting) if seq > stream.forgetting]
        stream.forgetting = done[-1] if done else stream.forgetting
        return [Drop(OUTBOX, row_key(by, seq)) for seq in done]

    def forget(self, by: NodeId, ack: Ack) -> list[Ref]:
        """Forgets what a neighbour has; blobs that nothing promised needs any more."""
        stream = self._stream(by)
        done = list(takewhile(lambda seq: seq <= ack.seq, stream.waiting))
        while stream.spare and stream.spare[0][0] <= ack.seq:
            stream.spare.popleft()
        return [ref for seq in done for ref in self._let_go(stream.waiting.pop(seq))]

    def due(self, to: NodeId) -> Iterator[Kept]:
        """What to send now, oldest first, no more than a window."""
        stream = self._stream(to)
        for kept in list(islice(stream.waiting.values(), WINDOW)):
            if stream.forgetting < kept.seq <= stream.committed:
                yield kept

    def bridge(self, to: NodeId, ack: Ack) -> Parcel | None:
        """What to send a neighbour whose disk lacks what it once had: it would wait for that for ever."""
        behind = self._stream(to).behind
        if ack.incarnation != self.incarnation or ack.seq >= behind:
            return None
        gap = Gap(ack.seq + 1, 0, 0, OTHER_DISK)
        return Parcel(OUTBOX, "", gap, Lane.CONTROL, None, self.incarnation, behind)

    def parcel(self, kept: Kept, lost: str = "") -> Parcel:
        """A row as it travels, still without its attachments. `lost`: why it cannot, and a gap goes in its place."""
        body, lane = self._codec.decode(kept.body), Lane(kept.lane)
        if lost:
            body, lane = Gap(kept.seq, spare_in(body), kept.size_bytes, lost), Lane.CONTROL
        return Parcel(kept.flow, "", body, lane, None, self.incarnation, kept.seq)

    def is_next(self, sender: NodeId, parcel: Parcel) -> bool:
        """Whether this is the number that the sender's stream has to go on with."""
        first = parcel.body.first if isinstance(parcel.body, Gap) else parcel.seq
        return bool(first <= self.cursors.get(f"{sender}/{parcel.incarnation}", 0) + 1 <= parcel.seq)

    def applied(self, sender: NodeId, parcel: Parcel) -> Put:
        """Moves the cursor; to be committed together with the effect."""
        key = f"{sender}/{parcel.incarnation}"
        self.cursors[key] = parcel.seq
        return Put(CURSOR, key, str(parcel.seq).encode(), replace=True)

    def settled(self, sender: NodeId, parcel: Parcel) -> bool:
        """What was applied is on this disk, with its effect. Whether its sender has another disk than it had before."""
        key = f"{sender}/{parcel.incarnation}"
        fresh = key not in self._settled and any(known.startswith(f"{sender}/") for known in self._settled)
        self._settled[key] = parcel.seq
        return fresh

    def ack(self, sender: NodeId, incarnation: str) -> Ack:
        """What to answer a sender with: nothing that a power cut could still take back."""
        return Ack(incarnation, self._settled.get(f"{sender}/{incarnation}", 0))

    @property
    def full(self) -> str:
        """Why nothing that leads to promises is taken in: all that is left must be kept; "" while the quota holds."""
        if self.used_bytes <= self._quota_bytes:
            return ""
        what = f"the outbox holds {self.used_bytes} bytes that must be kept, of {self._quota_bytes}: it takes no more"
        return f"{what} until the node above has taken some; mend the link to it, or raise promised_bytes"

    @property
    def waiting(self) -> int:
        """How many parcels nobody has acknowledged."""
        return sum(len(stream.waiting) for stream in self.streams.values())

    def _give_up(self) -> tuple[list[Change], list[Ref]]:
        """Gaps in place of the oldest that may be spared, until the quota holds; nothing that may be under way."""
        changes, freed = list[Change](), list[Ref]()
        for stream in self.streams.values():
            first = next(islice(stream.waiting, WINDOW, None), stream.last + 1)  # nothing from here on was ever sent
            while self.used_bytes > self._quota_bytes and stream.spare:
                seq, items = stream.spare.popleft()
                if seq >= first:
                    made, gone = self._gap(stream, Gap(seq, items, stream.waiting[seq].size_bytes, FULL), first)
                    changes, freed = changes + made, freed + gone
        return changes, freed

    def _gap(self, stream: Stream, gap: Gap, first: int) -> tuple[list[Change], list[Ref]]:
        """Puts a gap where its parcel was; one just before it, if it was never sent either, becomes part of it."""
        seq, to = gap.first, NodeId(stream.waiting[gap.first].to)
        changes: list[Change] = [Drop(OUTBOX, row_key(to, seq))]
        before = stream.waiting.get(seq - 1)
        if before is not None and before.flow == OUTBOX and seq > first:
            old: Gap = self._codec.decode(before.body)
            gap = Gap(old.first, old.items + gap.items, old.size_bytes + gap.size_bytes, FULL)
            changes.append(Drop(OUTBOX, row_key(to, seq - 1)))
            self._let_go(stream.waiting.pop(seq - 1))
        kept = Kept(to, seq, OUTBOX, int(Lane.CONTROL), self._codec.encode(gap), ())
        freed = self._let_go(stream.waiting[seq])
        stream.waiting[seq] = kept  # it keeps its place
        self._hold(kept)
        return [*changes, Put(OUTBOX, row_key(to, seq), self._codec.encode(kept))], freed

    def _insert(self, kept: Kept, items: int) -> None:
        stream = self._stream(NodeId(kept.to))
        stream.waiting[kept.seq] = kept
        if items:
            stream.spare.append((kept.seq, items))
        self._hold(kept)

    def _hold(self, kept: Kept) -> None:
        self.used_bytes += kept.size_bytes
        self._needed.update(ref.digest for ref in kept.attach)

    def _let_go(self, kept: Kept) -> list[Ref]:
        """Blobs that no other promise needs."""
        self.used_bytes -= kept.size_bytes
        self._needed.subtract(ref.digest for ref in kept.attach)
        freed = [ref for ref in kept.attach if not self._needed[ref.digest]]
        for ref in freed:
            del self._needed[ref.digest]
        return freed

    def _stream(self, to: NodeId) -> Stream:
        return self.streams.setdefault(to, Stream())
