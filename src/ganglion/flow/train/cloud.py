"""A federated job at the cloud, round by round; each step's result is a digest, so a crash costs one step at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited
from ...core.fleet import NodeId
from ...core.history import Record
from ...core.process import Began, Command, Do, Done, Event, Failed, Ignored, Send, Start, Tell, Told, Wake, Woke
from ...core.ref import Ref
from ..round.messages import Abandon, Dismiss, RoundOver, Terms, Weights
from ..round.server import Round
from .messages import (
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
    Tidy,
    Until,
)
from .standing import Standing

AGAIN_S = 1.0  # after what came to nothing; then twice as long each time
LONGEST_S = 60.0
TIDY = "tidy/"


class Phase(IntEnum):
    """Where a job stands."""

    NEW = 0
    BEGINNING = 1
    CHOOSING = 2
    ROUND = 3
    STEPPING = 4
    JUDGING = 5
    PAUSED = 6
    OVER = 7


@dataclass
class Train:
    """Durable: one job; what it has learnt is never learnt again."""

    number: int
    terms: Terms  # their job becomes this number
    clients: tuple[NodeId, ...]
    choice: Choice = Choice()
    until: Until = Until()
    weights: Ref | None = None  # to begin with; None: fresh ones
    quorum: int = 1
    enough: int = 0  # updates after which a round does not wait for more; 0: it waits for all
    patience_s: float = 60.0  # of a round
    part: str = "calibration"  # examples that judge it
    learners: int = 0  # in all, where aggregators stand between; 0: the clients themselves
    phase: Phase = Phase.NEW
    at: Standing = field(default_factory=lambda: Standing(0))
    cohort: tuple[NodeId, ...] = ()
    asked: int = 0  # rounds begun, also those that came to nothing
    failures: int = 0  # in a row
    over: RoundOver | None = None  # the last round that ended with a sum
    seen: dict[NodeId, Record] = field(default_factory=dict)
    ordered: str = ""  # "pause" or "stop by …": at the next opportunity
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
            case _, Told(Order() as order):
                return self._ordered(order)
            case Phase.BEGINNING, Done("begin", Weights(ref)):
                self.at.state = State(ref)
                return self._go(Phase.JUDGING)
            case Phase.CHOOSING, Done("choose", Chosen(clients, copy)):
                self.cohort = clients
                return self._round(copy) if clients else self._setback("nobody was chosen", now_s)
            case Phase.ROUND, Told(RoundOver(number) as over) if number == self.asked:
                return self._round_over(over, now_s)
            case Phase.STEPPING, Done("step", State() as state):
                return self._stepped(state)
            case Phase.JUDGING, Done("judge", Evaluated() as judged):
                return self._judged(judged, now_s)
            case _, (Done(name) | Failed(name)) if name.startswith(TIDY):
                return []
            case _, Failed(_, why, refused):
                return self._end(why) if refused else self._setback(why, now_s)
            case _, Woke("again"):
                return self._next() if self.phase is Phase.ROUND else self._go(self.phase)
            case _, Told(RoundOver()):
                return []
        return [Tell(Ignored("Train", self.key, type(event).__name__, self.phase.name))]

    def _go(self, phase: Phase) -> Sequence[Command]:
        """The phase's own work; asked again, it is the same."""
        self.phase = phase
        match phase:
            case Phase.BEGINNING:
                return [Do("begin", Begin(self.terms, self.weights))]
            case Phase.CHOOSING if self.at.state is not None:
                seen = tuple(sorted(self.seen.items()))
                return [
                    Do("choose", Choose(self.asked, self.terms, self.choice, self.clients, seen, self.at.state.weights))
                ]
            case Phase.STEPPING if self.at.state is not None and self.at.total is not None:
                at, learners = self.at, self.learners or len(self.clients)
                return [Do("step", Step(at.done, self.terms, self.at.state, self.at.total, learners, ()))]
            case Phase.JUDGING if self.at.state is not None:
                return [Do("judge", Evaluate(self.at.state.weights, self.part))]
        return []

    def _round(self, copy: Ref | None) -> Sequence[Command]:
        state = self.at.state
        assert state is not None
        self.phase, self.asked = Phase.ROUND, self.asked + 1
        owing = {} if self.over is None else dict(self.over.owing)
        made = Round(
            self.asked, state.weights, self.cohort, min(self.quorum, len(self.cohort)), self.patience_s,
            terms=self.terms, enough=self.enough, common=state.common, owing=owing, copy=copy,
        )  # fmt: skip
        tidy = Do(f"{TIDY}{self.asked}", Tidy(state, self.at.spent))
        return [Start(made), *([tidy] if self.at.spent else [])]

    def _round_over(self, over: RoundOver, now_s: float) -> Sequence[Command]:
        if self.ordered.startswith("stop"):
            return self._end(self.ordered)
        if over.total is None:
            return self._setback(over.why, now_s)
        self.over, self.failures = over, 0
        self._remember(over)
        self.at.total, self.at.counted = over.total, tuple((one.client, one.update) for one in over.replies)
        return self._go(Phase.STEPPING)

    def _remember(self, over: RoundOver) -> None:
        """What each client was like; whoever did not answer in time counts as twice as slow as patience."""
        for one in over.replies:
            times = self.seen[one.client].times + 1 if one.client in self.seen else 1
            self.seen[one.client] = Record(self.at.done, one.seconds, one.update.weight, one.loss, times)
        for client, number in over.owing:
            if number == over.number:
                known = self.seen.get(client, Record(self.at.done, 0.0, 1.0, times=0))
                self.seen[client] = replace(known, seconds=2.0 * self.patience_s)

    def _stepped(self, state: State) -> Sequence[Command]:
        self.at.moved(state)
        self.failures = 0
        return self._go(Phase.JUDGING)

    def _judged(self, judged: Evaluated, now_s: float) -> Sequence[Command]:
        """Tells where the job stands, and goes on unless it is there."""
        told = Tell(self.at.progress(judged, len(self.cohort), now_s))
        if judged.accuracy >= self.until.accuracy:
            return [told, *self._end("target")]
        return [told, *(self._end("rounds") if self.at.done >= self.until.rounds else self._next())]

    def _next(self) -> Sequence[Command]:
        """The next round, unless somebody said otherwise."""
        if self.ordered.startswith("stop"):
            return self._end(self.ordered)
        return self._go(Phase.PAUSED if self.ordered else Phase.CHOOSING)

    def _setback(self, why: str, now_s: float) -> Sequence[Command]:
        self.failures += 1
        if self.failures >= self.until.failures:
            return self._end(why)
        told = Tell(Setback(self.number, self.at.done, why))
        return [told, Wake("again", now_s + min(AGAIN_S * 2.0 ** (self.failures - 1), LONGEST_S))]

    def _ordered(self, order: Order) -> Sequence[Command]:
        kept = Tell(Audited(f"training: {order.act}", f"job {self.number}", order.by))
        match order.act:
            case "stop":
                self.ordered = f"stopped by {order.by}"
                if self.phase is Phase.PAUSED:
                    return [kept, *self._end(self.ordered)]
                return [kept, *([Tell(Abandon(self.number, self.asked))] if self.phase is Phase.ROUND else [])]
            case "pause" if not self.ordered:
                self.ordered = "pause"
                return [kept]
            case "resume" if self.ordered == "pause":
                self.ordered = ""
                return [kept, *(self._go(Phase.CHOOSING) if self.phase is Phase.PAUSED else [])]
        return [Tell(Ignored("Train", self.key, order.act, self.phase.name))]

    def _end(self, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        asked = sorted({*self.seen, *self.cohort})
        return [Tell(self.at.over(why)), *(Send(client, Dismiss(self.number)) for client in asked)]
