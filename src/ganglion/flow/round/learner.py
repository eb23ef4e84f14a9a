"""The learning side of a job: fetch what a round begins from, learn as its terms say, answer; for all its rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited, Fetched, Pushed
from ...core.fleet import NodeId
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
    Start,
    Tell,
    Told,
    Wake,
    Woke,
)
from ...core.ref import Ref
from ...core.update import Counted
from ..fetch.client import Fetch, Give
from ..keep.messages import Gather, Gathered
from .messages import Assign, Begun, Declined, Dismiss, Learnt, Trained, TrainLocally

RETRY_S = 15.0
ATTACHED_BYTES = 16 << 20  # an update up to this size travels with its message, a larger one goes ahead piece by piece


class Phase(IntEnum):
    """Where a learner stands; it is idle between rounds."""

    IDLE = 0
    GATHERING = 1
    FETCHING = 2
    LEARNING = 3
    PUSHING = 4
    OVER = 5


@dataclass
class Learner:
    """Durable: one per job; it answers each round at most once, and remembers what its method keeps."""

    job: int
    server: NodeId
    phase: Phase = Phase.IDLE
    asked: Assign | None = None  # the last one; older ones are stale
    data: Ref | None = None
    missing: tuple[Ref, ...] = ()
    kept: Ref | None = None
    spent: Ref | None = None  # the base of the round before
    forgotten: Ref | None = None  # what it remembered before it remembered what it does
    update: Counted | None = None
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which job."""
        return str(self.job)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Began():
                return []
            case _, Heard(sender, Assign() as asked) if sender == self.server and asked.number > self._number:
                return self._asked(asked, now_s)
            case _, Heard(sender, Dismiss()) if sender == self.server:
                drop = self._drop()
                self.phase = Phase.OVER
                return [*drop, Cancel("retry")]
            case Phase.GATHERING, Done(name, Gathered(count, data)) if name == self._name("gather"):
                if data is None:
                    return self._decline(f"{count} labelled examples")
                self.data = data
                return self._fetch(now_s)
            case Phase.FETCHING, Told(Fetched(ref)) if ref in self.missing:
                self.missing = tuple(other for other in self.missing if other != ref)
                return [] if self.missing else self._learn()
            case Phase.FETCHING, Woke("retry"):
                return self._fetch(now_s)
            case Phase.LEARNING, Done(name, Trained() as done) if name == self._name("learn"):
                return self._trained(done, now_s)
            case Phase.PUSHING, Told(Pushed(ref)) if self.update is not None and ref == self.update.delta:
                return self._answer(attach=False)
            case Phase.PUSHING, Woke("retry") if self.update is not None:
                return [Start(Give(self.update.delta, self.server)), Wake("retry", now_s + RETRY_S)]
            case ((Phase.GATHERING | Phase.LEARNING), Failed(name, why)) if name == self._name():
                return self._decline(why)
            case _, Told(Fetched() | Pushed()):
                return []
        return [Tell(Ignored("Learner", self.key, type(event).__name__, self.phase.name))]

    @property
    def _number(self) -> int:
        return -1 if self.asked is None else self.asked.number

    def _name(self, what: str = "") -> str:
        """Work of one round is not taken for another's."""
        what = what or {Phase.GATHERING: "gather", Phase.LEARNING: "learn"}.get(self.phase, "")
        return f"{what}/{self._number}"

    def _drop(self) -> list[Command]:
        """Gives up what it is at work on."""
        return [Cancel(self._name())] if self.phase in (Phase.GATHERING, Phase.LEARNING) else []

    def _asked(self, asked: Assign, now_s: float) -> Sequence[Command]:
        drop = self._drop()
        self.spent = None if self.asked is None else self.asked.base
        self.asked, self.update, self.data = asked, None, None
        refs = (asked.base,) if asked.common is None else (asked.base, asked.common)
        self.missing = refs
        if asked.terms.data == "kept":
            self.phase = Phase.GATHERING
            return [*drop, Cancel("retry"), Do(self._name("gather"), Gather(0.0, now_s, asked.terms.least))]
        return [*drop, *self._fetch(now_s)]

    def _fetch(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.FETCHING
        return [*(Start(Fetch(ref, self.server)) for ref in self.missing), Wake("retry", now_s + RETRY_S)]

    def _learn(self) -> Sequence[Command]:
        asked = self.asked
        assert asked is not None
        self.phase = Phase.LEARNING
        memory = self.kept, self.spent, self.forgotten
        work = TrainLocally(asked.number, asked.base, asked.terms, self.data, asked.common, *memory)
        begun = [Send(self.server, Begun(asked.number, self.job))] if asked.terms.accept_s else []
        return [Cancel("retry"), *begun, Do(self._name("learn"), work)]

    def _trained(self, done: Trained, now_s: float) -> Sequence[Command]:
        self.update, self.forgotten, self.kept = done.update, self.kept, done.kept
        told: list[Command] = []
        if done.mechanism:
            audit = Audited("declassify", done.update.delta.digest, done.mechanism, done.epsilon, done.delta)
            told = [Tell(audit)]
        if done.update.delta.size_bytes <= ATTACHED_BYTES:
            return [*told, *self._answer(attach=True)]
        self.phase = Phase.PUSHING
        return [*told, Start(Give(done.update.delta, self.server)), Wake("retry", now_s + RETRY_S)]

    def _answer(self, attach: bool) -> Sequence[Command]:
        assert self.update is not None
        self.phase = Phase.IDLE
        learnt = Learnt(self._number, self.update, self.job)
        if attach:
            return [Send(self.server, learnt, Lane.TENSOR, attach=(self.update.delta,))]
        return [Cancel("retry"), Send(self.server, learnt)]

    def _decline(self, why: str) -> Sequence[Command]:
        self.phase = Phase.IDLE
        return [Send(self.server, Declined(self._number, why, self.job))]
