"""The asking side of a round. It knows who answered and when to stop waiting, not how updates are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Lane, Send, Tell, Told, Wake, Woke
from ...core.ref import Ref
from ...core.update import Counted
from .deadline import adaptive_s
from .messages import (
    Abandon,
    Aggregate,
    Ask,
    Assign,
    Begun,
    Check,
    Checked,
    Declined,
    Late,
    Learnt,
    Rejected,
    Reply,
    RoundOver,
    Summed,
    Terms,
    Weights,
)

CHECK = "check/"


class Phase(IntEnum):
    """Where a round stands."""

    NEW = 0
    ASKING = 1
    ADDING = 2
    OVER = 3


@dataclass
class Round:
    """Durable: asks each of the cohort once, ends once, counts nobody twice.

    One of a job's rounds has terms: its updates are checked before they count, and what comes to it from earlier ones
    is told as late. It has the job's key, so that a job has one round at a time.
    """

    number: int
    base: Ref
    cohort: tuple[NodeId, ...]
    quorum: int
    patience_s: float
    phase: Phase = Phase.NEW
    got: dict[NodeId, Counted] = field(default_factory=dict)
    declined: dict[NodeId, str] = field(default_factory=dict)
    terms: Terms | None = None
    enough: int = 0  # updates after which it does not wait for more; 0: it waits for all
    common: Ref | None = None
    copy: Ref | None = None  # of the base: it travels with the question, and is gone when all have it
    owing: dict[NodeId, int] = field(default_factory=dict)  # rounds before this one that may still be answered
    began_s: float = 0.0
    begun: dict[NodeId, float] = field(default_factory=dict)  # who has begun, and after how long
    silent: tuple[NodeId, ...] = ()  # who had not begun in time: not waited for, but welcome
    checking: dict[NodeId, Counted] = field(default_factory=dict)
    replies: dict[NodeId, tuple[float, float | None]] = field(default_factory=dict)  # seconds, loss
    closed: bool = False  # the time is up; only what is being checked may still count
    durable: ClassVar[bool] = True

    @property
    def job(self) -> int:
        """Which job it belongs to; 0: it stands alone."""
        return 0 if self.terms is None else self.terms.job

    @property
    def key(self) -> str:
        """Which job, or which round that stands alone."""
        return str(self.job or self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                return self._ask(now_s)
            case Phase.ASKING, Heard(client, Begun(number)) if self._awaits(client, number):
                self.begun[client] = now_s - self.began_s
                return []
            case Phase.ASKING, Heard(client, Learnt(number, update)) if self._awaits(client, number):
                return self._learnt(client, update, now_s)
            case Phase.ASKING, Heard(client, Declined(number, why)) if self._awaits(client, number):
                self.declined[client] = why
                return self._look(now_s)
            case Phase.ASKING, Done(name, Checked(why, loss)) if name.startswith(CHECK):
                return self._checked(NodeId(name.removeprefix(CHECK)), why, loss, now_s)
            case Phase.ASKING, Failed(name, why) if name.startswith(CHECK):
                return self._checked(NodeId(name.removeprefix(CHECK)), why or "it could not be read", None, now_s)
            case Phase.ASKING, Woke("silent"):
                self.silent = tuple(c for c in self.cohort if self._awaits(c, self.number) and c not in self.begun)
                return self._look(now_s)
            case Phase.ASKING, Woke("late"):
                self.closed = True
                return self._look(now_s)
            case Phase.ADDING, (Done(name) | Failed(name)) if name.startswith(CHECK):  # it had enough without this one
                return [Tell(Late(self.job, self.number, NodeId(name.removeprefix(CHECK))))]
            case Phase.ADDING, Done("add", Weights(model)):
                return self._end(model, None, "")
            case Phase.ADDING, Done("add", Summed(total)):
                return self._end(None, total, "")
            case Phase.ADDING, Failed(_, why):
                return self._end(None, None, why)
            case ((Phase.ASKING | Phase.ADDING), Told(Abandon(_, number))) if number == self.number:
                return self._end(None, None, "it was abandoned")
            case _, Heard(client, Learnt(number)) if self.terms is not None:
                return [self._unwanted(client, number)]
        return [Tell(Ignored("Round", self.key, type(event).__name__, self.phase.name))]

    def _ask(self, now_s: float) -> Sequence[Command]:
        self.phase, self.began_s = Phase.ASKING, now_s
        late = Wake("late", now_s + self.patience_s)
        terms = self.terms
        if terms is None:
            return [*(Send(client, Ask(self.number, self.base)) for client in self.cohort), late]
        self.owing = {client: number for client, number in self.owing.items() if client not in self.cohort}
        base, attach = (self.base, ()) if self.copy is None else (self.copy, (self.copy,))
        ask = Assign(self.number, base, terms, self.common, self.patience_s)
        lane = Lane.TENSOR if attach else Lane.CONTROL
        silent = [Wake("silent", now_s + terms.accept_s)] if terms.accept_s else []
        return [*(Send(client, ask, lane, attach=attach) for client in self.cohort), late, *silent]

    def _awaits(self, client: NodeId, number: int) -> bool:
        """Whether an answer of this client to this round would be its first."""
        answered = client in self.got or client in self.declined or client in self.checking
        return number == self.number and client in self.cohort and not answered and not self.closed

    def _learnt(self, client: NodeId, update: Counted, now_s: float) -> Sequence[Command]:
        if self.terms is None:
            self.got[client] = update
            return self._look(now_s)
        self.checking[client] = update
        return [Do(CHECK + client, Check(self.number, self.base, client, update, self.terms))]

    def _checked(self, client: NodeId, why: str, loss: float | None, now_s: float) -> Sequence[Command]:
        update = self.checking.pop(client)
        if why:
            self.declined[client] = why
            return [Tell(Rejected(self.job, self.number, client, why)), *self._look(now_s)]
        self.got[client] = update
        self.replies[client] = now_s - self.began_s, loss
        return self._look(now_s)

    def _look(self, now_s: float) -> Sequence[Command]:
        """Whether to go on waiting."""
        waiting = [c for c in self.cohort if self._awaits(c, self.number) and c not in self.silent]
        if self.enough and len(self.got) >= self.enough:
            return self._add()
        if self.checking or (waiting and not self.closed):
            return self._hurry(now_s)
        if len(self.got) >= self.quorum and self.got:
            return self._add()
        if not self.closed and self.silent:
            return []  # those that were given up may yet come
        told = "; ".join(f"{client}: {why}" for client, why in sorted(self.declined.items()))
        return self._end(None, None, told or "too few answered in time")

    def _hurry(self, now_s: float) -> Sequence[Command]:
        """Once a quorum is there, who lags far behind it is not waited for."""
        stretch = 0.0 if self.terms is None else self.terms.stretch
        if not stretch or self.closed or len(self.got) < max(self.quorum, 1):
            return []
        after_s = adaptive_s([seconds for seconds, _ in self.replies.values()], stretch)
        return [Wake("late", max(now_s, self.began_s + min(after_s, self.patience_s)))]

    def _add(self) -> Sequence[Command]:
        self.phase = Phase.ADDING
        return [Do("add", Aggregate(self.number, self.base, tuple(sorted(self.got.items())), self.terms))]

    def _end(self, model: Ref | None, total: Counted | None, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        counted = tuple(sorted(self.got)) if self.terms is None or total is not None else ()
        if self.terms is None:
            return [Tell(RoundOver(self.number, model, counted, why))]
        replies = tuple(Reply(client, self.got[client], *self.replies[client]) for client in counted)
        answered = {*self.got, *self.declined, *self.checking}
        self.owing |= {client: self.number for client in self.cohort if client not in answered}
        over = RoundOver(self.number, model, counted, why, self.job, total, replies, tuple(sorted(self.owing.items())))
        return [Tell(over)]

    def _unwanted(self, client: NodeId, number: int) -> Command:
        """A job's update that this round has no use for: late once, refused from then on."""
        now = number == self.number and client in self.cohort
        answered = client in self.got or client in self.declined or client in self.checking
        if self.owing.get(client) == number or (now and not answered):
            self.owing.pop(client, None)
            self.declined |= {client: "too late"} if now else {}
            return Tell(Late(self.job, number, client))
        known = client in self.cohort or client in self.owing
        stale = "it was answered before" if now else f"round {number} is not asked about, round {self.number} is"
        return Tell(Rejected(self.job, number, client, stale if known else "nobody asked this client"))
