"""An asynchronous federated job at the cloud: hands out the newest weights, adds what comes, waits for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited
from ...core.fleet import NodeId
from ...core.history import Record
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
    Send,
    Tell,
    Told,
    Wake,
    Woke,
)
from ...core.ref import Ref
from ...core.update import Counted
from ..round.messages import (
    Aggregate,
    Assign,
    Check,
    Checked,
    Declined,
    Dismiss,
    Learnt,
    Rejected,
    Summed,
    Terms,
    Weights,
)
from ..train.messages import (
    Begin,
    Choice,
    Choose,
    Chosen,
    Evaluate,
    Evaluated,
    Order,
    Setback,
    State,
    Step,
    Until,
)
from ..train.standing import Standing
from .lending import Lending
from .messages import Pace, Ready

CHECK, LATE, AGAIN_S = "check/", "late/", 2.0


class Phase(IntEnum):
    """What the server's one worker does; clients learn meanwhile."""

    NEW = 0
    BEGINNING = 1
    WAITING = 2
    ADDING = 3
    STEPPING = 4
    JUDGING = 5
    OVER = 6


@dataclass
class Buffer:
    """Durable: one job; an update is added once, whoever dies."""

    number: int
    terms: Terms  # their job becomes this number
    clients: tuple[NodeId, ...]
    pace: Pace = Pace()
    choice: Choice = Choice()
    until: Until = Until()
    weights: Ref | None = None  # to begin with; None: fresh ones
    part: str = "calibration"  # examples that judge it
    phase: Phase = Phase.NEW
    at: Standing = field(default_factory=lambda: Standing(0))
    failures: int = 0  # in a row
    books: Lending = field(default_factory=Lending)
    ready: tuple[Ready, ...] = ()
    adding: tuple[Ready, ...] = ()
    choosing: bool = False
    offered: int = 0  # version of the weights that are being handed out
    paused: bool = False
    seen: dict[NodeId, Record] = field(default_factory=dict)
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which job."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                self.at, self.terms = Standing(self.number, since_s=now_s), replace(self.terms, job=self.number)
                return self._go(Phase.BEGINNING)
            case _, Heard(client, Learnt(number, update)) if self.books.awaits(client, number):
                return self._learnt(client, update, now_s)
            case _, Heard(client, Learnt(number)):
                return [Tell(self.books.unwanted(self.number, client, number))]
            case _, Heard(client, Declined(number, why)) if self.books.awaits(client, number):
                return self._replace(client, why)
            case _, Woke(name) if name.startswith(LATE):
                return self._replace(NodeId(name.removeprefix(LATE)), "no answer in time")
            case _, Done(name, Checked(why, loss)) if name.startswith(CHECK):
                return self._checked(NodeId(name.removeprefix(CHECK)), why, loss)
            case _, Failed(name, why) if name.startswith(CHECK):
                return self._checked(NodeId(name.removeprefix(CHECK)), why, None)
            case _, Done("choose", Chosen(clients, copy)):
                return self._chosen(clients, copy, now_s)
            case _, Told(Order() as order):
                return self._ordered(order)
            case _, (Done() | Failed() | Woke("again" | "choose")):
                return self._worked(event, now_s)
        return [Tell(Ignored("Buffer", self.key, type(event).__name__, self.phase.name))]

    def _worked(self, event: Event, now_s: float) -> Sequence[Command]:
        """The server's own work, one piece after the other."""
        match self.phase, event:
            case Phase.BEGINNING, Done("begin", Weights(ref)):
                self.at.state = State(ref)
                return [*self._go(Phase.JUDGING), *self._fill()]
            case Phase.ADDING, Done("add", Summed(total)):
                self.at.total = total
                return self._go(Phase.STEPPING)
            case Phase.STEPPING, Done("step", State() as state):
                self.at.moved(state, self.books.bases)
                self.failures = 0
                return self._go(Phase.JUDGING)
            case Phase.JUDGING, Done("judge", Evaluated() as judged):
                return self._judged(judged, now_s)
            case _, Failed(name, why, refused):
                self.failures += 1
                if refused or self.failures >= self.until.failures:
                    return self._end(why)
                again = "choose" if name == "choose" else "again"
                self.choosing = self.choosing and name != "choose"
                return [Tell(Setback(self.number, self.at.done, why)), Wake(again, now_s + AGAIN_S * self.failures)]
            case _, Woke(name):
                return self._fill() if name == "choose" else self._go(self.phase)
        return [Tell(Ignored("Buffer", self.key, type(event).__name__, self.phase.name))]

    def _go(self, phase: Phase) -> Sequence[Command]:
        """The phase's own work; asked again, it is the same."""
        self.phase, at, state = phase, self.at, self.at.state
        match phase:
            case Phase.BEGINNING:
                return [Do("begin", Begin(self.terms, self.weights))]
            case Phase.ADDING if state is not None:
                factors = tuple(self.pace.factor(at.done - one.version) for one in self.adding)
                return [Do("add", Aggregate(at.done, state.weights, at.counted, self.terms, factors))]
            case Phase.STEPPING if state is not None and at.total is not None:
                return [Do("step", Step(at.done, self.terms, state, at.total, len(self.clients), at.spent))]
            case Phase.JUDGING if state is not None:
                return [Do("judge", Evaluate(state.weights, self.part))]
        return []

    def _fill(self) -> Sequence[Command]:
        """Asks for as many as are wanted."""
        count = self.pace.busy - len(self.books.lent)
        if self.choosing or self.paused or count <= 0 or self.at.state is None:
            return []
        candidates = self.books.free(self.clients, count)
        self.choosing, self.offered = bool(candidates), self.at.done
        choice = replace(self.choice, count=min(count, len(candidates)))
        seen, asked, weights = tuple(sorted(self.seen.items())), self.books.asked, self.at.state.weights
        return [Do("choose", Choose(asked, self.terms, choice, candidates, seen, weights))] if candidates else []

    def _chosen(self, clients: tuple[NodeId, ...], copy: Ref | None, now_s: float) -> Sequence[Command]:
        assert self.at.state is not None
        self.choosing, commands = False, list[Command]()
        base, attach = (self.at.state.weights, ()) if copy is None else (copy, (copy,))
        for client in (one for one in clients if not self.books.busy(one)):
            number = self.books.lend(client, self.offered, base, now_s)
            ask = Assign(number, base, self.terms, self.at.state.common, self.pace.patience_s)
            send = Send(client, ask, Lane.TENSOR if attach else Lane.CONTROL, attach=attach)
            commands += [send, Wake(LATE + client, now_s + self.pace.patience_s)]
        return commands

    def _learnt(self, client: NodeId, update: Counted, now_s: float) -> Sequence[Command]:
        assert self.at.state is not None
        lent = self.books.lent.pop(client)
        self.books.checking[client] = Ready(client, update, lent.version, now_s - lent.since_s)
        check = Check(lent.number, self.at.state.weights, client, update, self.terms)  # its base may be gone by now
        return [Cancel(LATE + client), Do(CHECK + client, check)]

    def _checked(self, client: NodeId, why: str, loss: float | None) -> Sequence[Command]:
        one = replace(self.books.checking.pop(client), loss=loss)
        if why:
            return [Tell(Rejected(self.number, self.books.asked, client, why)), *self._fill()]
        times = self.seen[client].times + 1 if client in self.seen else 1
        self.seen[client] = Record(self.at.done, one.seconds, one.update.weight, loss, times)
        self.ready = (*self.ready, one)
        return [*self._look(), *self._fill()]

    def _look(self) -> Sequence[Command]:
        """Enough updates make a step, unless one is under way."""
        if self.phase is not Phase.WAITING or len(self.ready) < self.pace.full:
            return []
        self.adding, self.ready = self.ready[: self.pace.full], self.ready[self.pace.full :]
        self.at.counted = tuple((one.client, one.update) for one in self.adding)
        return self._go(Phase.ADDING)

    def _judged(self, judged: Evaluated, now_s: float) -> Sequence[Command]:
        """Tells where the job stands, and goes on unless it is there."""
        self.phase = Phase.WAITING
        told = Tell(self.at.progress(judged, len(self.adding), now_s))
        if judged.accuracy >= self.until.accuracy:
            return [told, *self._end("target")]
        return [told, *(self._end("rounds") if self.at.done >= self.until.rounds else self._look())]

    def _replace(self, client: NodeId, why: str) -> Sequence[Command]:
        """A client that is lost gives its place to another."""
        if not self.books.lose(client):
            return []
        return [Cancel(LATE + client), Tell(Setback(self.number, self.at.done, f"{client}: {why}")), *self._fill()]

    def _ordered(self, order: Order) -> Sequence[Command]:
        kept = Tell(Audited(f"training: {order.act}", f"job {self.number}", order.by))
        match order.act, self.paused:
            case "stop", _:
                return [kept, *self._end(f"stopped by {order.by}")]
            case "pause", False:
                self.paused = True
                return [kept]
            case "resume", True:
                self.paused = False
                return [kept, *self._fill()]
        return [Tell(Ignored("Buffer", self.key, order.act, self.phase.name))]

    def _end(self, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        asked = sorted({*self.seen, *self.books.lent, *self.books.owing})
        return [Tell(self.at.over(why)), *(Send(client, Dismiss(self.number)) for client in asked)]
