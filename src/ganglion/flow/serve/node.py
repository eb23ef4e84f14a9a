"""One node on a sample's way: the same process on device, edge and cloud. It knows no model, only what was sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Answered, Arrived, Hard, Seen
from ...core.fleet import NodeId
from ...core.label import Tier, Zone, may_enter
from ...core.process import (
    Began,
    Cancel,
    Command,
    Do,
    Done,
    Event,
    Failed,
    Heard,
    Ignored,
    Lane,
    Linked,
    Send,
    Tell,
    Told,
    Wake,
    Woke,
)
from ...core.ref import Ref
from ...core.sample import Answer
from .messages import Ask, Attend, Mirror, Ran, Reply, Run

RESERVE = 0.2  # share of the time left that a node keeps for the way back
GRACE_S = 0.5  # after a deadline that nothing met, for an answer of this node alone: late is better than none
ATTEND_S = 2.0  # between two requests to mirror, any of which may be lost
MIRROR_S = 3 * ATTEND_S  # how long a device mirrors after the last
ATTEND = "~attend"  # a time's name; samples are named by their device
NOTHING = Ran(0, (), (), (), -1, None, 0)


class Phase(IntEnum):
    """A node serves as long as it lives."""

    SERVING = 1
    OVER = 2


@dataclass
class Open:
    """A sample that is not answered yet."""

    sample: str
    x: Ref
    asker: NodeId | None  # None: it was made here
    plan: str
    made_s: float
    late_s: float
    ran: Ran = NOTHING
    asked: bool = False
    alone: bool = False


@dataclass
class Serve:
    """Hot: nothing here survives a crash, and nothing has to; whoever asked has a deadline."""

    me: NodeId
    zone: Zone
    parent: NodeId | None
    parent_zone: Zone | None
    children: tuple[NodeId, ...]
    phase: Phase = Phase.SERVING
    open: dict[str, Open] = field(default_factory=dict)
    linked: bool = False
    mirror_until_s: float = -1.0
    wanted: set[str] = field(default_factory=set)  # on an edge: who wants its devices to mirror
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return []
            case Told(Arrived(sample, plan, deadline_s)):
                return self._begin(Open(sample.id, sample.x, None, plan, sample.made_s, now_s + deadline_s), 0, 0)
            case Heard(asker, Ask(sample, x, first, version, plan, left_s)) if sample not in self.open:
                late_s = now_s + left_s * (1.0 - RESERVE)
                return self._begin(Open(sample, x, asker, plan, now_s, late_s), first, version)
            case Heard(_, Mirror(sample, x)):
                return [Tell(Seen(sample, x))]
            case Heard(_, Attend(mirror)):
                self.mirror_until_s = now_s + MIRROR_S if mirror else -1.0
                return []
            case Told(Attend(mirror, why)):
                (self.wanted.add if mirror else self.wanted.discard)(why)
                return self._attend(now_s)
            case Woke(name) if name == ATTEND:
                return self._attend(now_s) if self.wanted else []
            case Done(sample, Ran() as ran) if sample in self.open:
                return self._ran(self.open[sample], ran, now_s)
            case Heard(_, Reply(answer)) if answer.sample in self.open:
                return self._replied(self.open[answer.sample], answer, now_s)
            case Failed(name) if name in self.open:
                return self._local(self.open[name], now_s, degraded=True)
            case Woke(sample) if sample in self.open:
                return self._local(self.open[sample], now_s, degraded=True)
            case Linked(peer, up):
                if peer == self.parent:
                    self.linked = up
                    if not up:
                        waiting = [item for item in self.open.values() if item.asked]
                        return [part for item in waiting for part in self._local(item, now_s, degraded=True)]
                elif up:
                    return [Send(peer, Attend(bool(self.wanted)))]  # it may have been away when this was decided
                return []
        return [Tell(Ignored("Serve", "", _name(event), self.phase.name))]

    def _attend(self, now_s: float) -> Sequence[Command]:
        again = [Wake(ATTEND, now_s + ATTEND_S)] if self.wanted else []
        return [*(Send(child, Attend(bool(self.wanted))) for child in self.children), *again]

    def _begin(self, item: Open, first: int, version: int) -> Sequence[Command]:
        self.open[item.sample] = item
        work = Run(item.x, first, version, item.plan, self.zone)
        seen = [Tell(Seen(item.sample, item.x))] if self.zone is Zone.EDGE and first == 0 else []
        return [*seen, Wake(item.sample, item.late_s), Do(item.sample, work)]

    def _ran(self, item: Open, ran: Ran, now_s: float) -> Sequence[Command]:
        if item.alone:
            item.ran = item.ran if item.ran.exits else ran
            return self._local(item, now_s, degraded=True)
        item.ran = ran
        if ran.leave >= 0:
            return self._local(item, now_s, degraded=False)
        onward = ran.onward
        if onward is None or self.parent is None or self.parent_zone is None:
            return self._local(item, now_s, degraded=False)
        if not may_enter(onward.label, self.parent_zone):
            return self._local(item, now_s, degraded=False)  # its tier may go no farther: this answer is the one meant
        if not self.linked or item.late_s <= now_s:
            return self._local(item, now_s, degraded=True)
        item.asked = True
        left_s = item.late_s - now_s
        ask = Ask(item.sample, onward, ran.first, ran.version, item.plan, left_s)
        return [Send(self.parent, ask, Lane.TENSOR, left_s, (onward,), item.sample)]

    def _replied(self, item: Open, answer: Answer, now_s: float) -> Sequence[Command]:
        if answer.y < 0:
            return self._local(item, now_s, degraded=True)
        return self._close(item, answer, now_s)

    def _local(self, item: Open, now_s: float, degraded: bool) -> Sequence[Command]:
        """Answers from the exit that was sure, else from the deepest that ran here, else from one that it runs now."""
        ran, tier = item.ran, item.x.label.tier
        if not ran.exits and item.asker is None and not item.plan and not item.alone:
            item.alone = True
            work = Run(item.x, 0, ran.version, item.plan, self.zone, alone=True)
            return [Wake(item.sample, now_s + GRACE_S), Do(item.sample, work)]
        if not ran.exits:
            return self._close(item, Answer(item.sample, -1, 0.0, -1, self.zone, ran.version, tier, True), now_s)
        place = ran.leave if ran.leave >= 0 else len(ran.exits) - 1
        answer = Answer(
            item.sample, ran.ys[place], ran.confidences[place], ran.exits[place], self.zone, ran.version, tier, degraded
        )
        hard = [Tell(Hard(item.sample, item.x))] if degraded or self._is_hard(item) else []
        return [*hard, *self._close(item, answer, now_s)]

    def _is_hard(self, item: Open) -> bool:
        """Nobody near was sure, and it could be of use farther away."""
        return item.ran.leave < 0 and self.zone is Zone.EDGE and item.x.label.tier is Tier.PUBLIC

    def _close(self, item: Open, answer: Answer, now_s: float) -> Sequence[Command]:
        del self.open[item.sample]
        done: list[Command] = [Cancel(item.sample)]
        if item.asker is not None:
            return [*done, Send(item.asker, Reply(answer), Lane.TENSOR, max(item.late_s - now_s, 0.05))]
        first = item.ran.confidences[0] if item.ran.confidences else -1.0
        done.append(Tell(Answered(answer, now_s - item.made_s, first, item.x, item.plan, item.ran.distance)))
        if (
            now_s < self.mirror_until_s
            and self.linked
            and self.parent is not None
            and not item.asked
            and _may_mirror(item.x)
        ):
            done.append(Send(self.parent, Mirror(item.sample, item.x), Lane.TENSOR, 5.0, (item.x,)))
        return done


def _may_mirror(x: Ref) -> bool:
    return may_enter(x.label, Zone.EDGE)


def _name(event: Event) -> str:
    return type(getattr(event, "body", event)).__name__
