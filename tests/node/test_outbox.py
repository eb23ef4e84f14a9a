"""What is promised arrives once and in order, or a gap says so; nothing that must be kept is ever given up."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.ports import Parcel
from ganglion.core.process import Send
from ganglion.core.ref import Ref
from ganglion.flow.deliver.messages import Hand
from ganglion.flow.rollout.messages import Back
from ganglion.node.bodies import make_codec
from ganglion.node.outbox import OUTBOX, WINDOW, Ack, Gap, Outbox
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap

UP, CODEC = NodeId("cloud"), make_codec()
QUOTA_BYTES = 130_000
BLOB_BYTES = 1000


def disk_of(platter: Platter) -> SimDisk:
    return SimDisk(platter, Heap(), lambda: True)


@dataclass
class Pair:
    """A sender with its disk, and a receiver that commits what it takes."""

    platter: Platter = field(default_factory=lambda: Platter("one"))
    there: Outbox = field(default_factory=lambda: Outbox(CODEC, "other"))
    number: int = 0
    taken: list[int] = field(default_factory=list)  # messages, by the number that they were made with
    missed: list[Gap] = field(default_factory=list)
    sent: dict[int, bytes] = field(default_factory=dict)  # by number in the stream: what first went under it
    freed: list[Ref] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.box = Outbox(CODEC, "one", QUOTA_BYTES)

    def promise(self, spare: bool) -> None:
        """One more message, committed at once."""
        self.number += 1
        ref = Ref(f"{self.number:064d}", BLOB_BYTES, PUBLIC_RAW)
        body = Hand((str(self.number),), ref) if spare else Back(self.number, "")
        changes, seq, freed = self.box.add("any", Send(UP, body, attach=(ref,) if spare else ()))
        for change in changes:
            self.platter.apply(change)
        self.box.committed(UP, seq)
        self.freed += freed

    def carry(self, arrive: int) -> None:
        """The window goes out, so many of it arrive, and the last acknowledgement comes back."""
        for kept in self.box.due(UP):
            assert self.sent.setdefault(kept.seq, kept.body) == kept.body, "another message under the same number"
        for kept in list(self.box.due(UP))[:arrive]:
            self.take(self.box.parcel(kept))
        self.acknowledge(self.there.ack(UP, "one"))

    def take(self, parcel: Parcel) -> None:
        """As a receiver does."""
        if not self.there.is_next(UP, parcel):
            return
        self.there.applied(UP, parcel)
        self.there.settled(UP, parcel)
        match parcel.body:
            case Gap() as gap:
                self.missed.append(gap)
            case Hand((sample,)):
                self.taken.append(int(sample))
            case Back(counter):
                self.taken.append(counter)

    def acknowledge(self, ack: Ack) -> None:
        """As a sender does."""
        for change in self.box.acknowledged(UP, ack):
            self.platter.apply(change)
        self.freed += self.box.forget(UP, ack)

    def restart(self) -> None:
        """The sender's next life."""
        self.box = Outbox(CODEC, "one", QUOTA_BYTES)
        self.box.load(disk_of(self.platter))


STEPS = st.one_of(
    st.tuples(st.just("spare"), st.integers(1, 120)),
    st.tuples(st.just("keep"), st.integers(1, 20)),
    st.tuples(st.just("carry"), st.integers(0, WINDOW)),
    st.tuples(st.just("restart"), st.just(1)),
)


@given(st.lists(STEPS, max_size=14))
@settings(max_examples=80)
def test_every_message_comes_once_in_order_or_is_in_a_gap(steps: list[tuple[str, int]]) -> None:
    pair, spare = Pair(), set[int]()
    for what, times in steps:
        if what == "carry":
            pair.carry(times)
        elif what == "restart":
            pair.restart()
        else:
            for _ in range(times):
                pair.promise(what == "spare")
                spare |= {pair.number} if what == "spare" else set()
        rows = sum(len(row.data) for row in pair.platter.rows.get(OUTBOX, {}).values())
        assert pair.box.used_bytes <= QUOTA_BYTES + WINDOW * 1500 + 20 * 400 * len(steps), rows
    while pair.box.waiting:
        pair.carry(WINDOW)
    gone = set(range(1, pair.number + 1)) - set(pair.taken)
    assert pair.taken == sorted(set(pair.taken))
    assert gone <= spare, "something that must be kept was given up"
    assert len(gone) == sum(gap.items for gap in pair.missed)
    assert pair.box.used_bytes == 0 and not any(row.key != f"{UP}/last" for row in disk_of(pair.platter).scan(OUTBOX))
    assert sorted(int(ref.digest) for ref in pair.freed) == sorted(spare), "each blob is let go once"


def test_the_oldest_that_was_never_sent_goes_first_and_gaps_grow_together() -> None:
    pair = Pair()
    for _ in range(300):
        pair.promise(True)
    assert pair.box.used_bytes <= QUOTA_BYTES + WINDOW * 1500
    while pair.box.waiting:
        pair.carry(WINDOW)
    assert len(pair.missed) == 1 and pair.missed[0].first == WINDOW + 1
    assert pair.taken[:WINDOW] == list(range(1, WINDOW + 1)) and pair.taken[-1] == 300


def test_nothing_is_acknowledged_before_it_is_committed() -> None:
    """Not with the parcel before it either, nor when it comes twice."""
    pair = Pair()
    for _ in range(2):
        pair.promise(False)
    first, second = (pair.box.parcel(kept) for kept in pair.box.due(UP))
    for parcel in (first, second):
        pair.there.applied(UP, parcel)
    assert pair.there.ack(UP, "one").seq == 0 and not pair.there.is_next(UP, second)
    pair.there.settled(UP, first)
    assert pair.there.ack(UP, "one").seq == 1
    pair.there.settled(UP, second)
    assert pair.there.ack(UP, "one").seq == 2


def test_nothing_is_due_before_it_is_committed() -> None:
    box = Outbox(CODEC, "one")
    _, seq, _ = box.add("any", Send(UP, Back(1, "")))
    assert list(box.due(UP)) == []
    box.committed(UP, seq)
    assert [kept.seq for kept in box.due(UP)] == [1]


def test_a_window_does_not_move_before_the_disk_has_forgotten() -> None:
    """Else a restart would take numbers for unsent that were sent, and give them up."""
    pair = Pair()
    for _ in range(WINDOW + 10):
        pair.promise(False)
    for kept in list(pair.box.due(UP))[:5]:
        pair.take(pair.box.parcel(kept))
    ack = pair.there.ack(UP, "one")
    assert pair.box.acknowledged(UP, ack) and not pair.box.acknowledged(UP, ack)
    assert [kept.seq for kept in pair.box.due(UP)] == list(range(6, WINDOW + 1))
    pair.box.forget(UP, ack)
    assert [kept.seq for kept in pair.box.due(UP)] == list(range(6, WINDOW + 6))


def test_a_receiver_on_another_disk_is_told_where_the_stream_goes_on() -> None:
    pair = Pair()
    for _ in range(10):
        pair.promise(False)
    pair.carry(7)
    pair.there = Outbox(CODEC, "new disk")
    pair.carry(3)
    assert pair.taken == list(range(1, 8)), "it waits for what it once had"
    gap = pair.box.bridge(UP, pair.there.ack(UP, "one"))
    assert gap is not None
    pair.take(gap)
    assert pair.box.bridge(UP, pair.there.ack(UP, "one")) is None
    pair.carry(3)
    assert pair.taken == list(range(1, 11)) and not pair.box.waiting
    assert pair.box.bridge(UP, Ack("of an earlier incarnation", 0)) is None
