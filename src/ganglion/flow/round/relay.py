"""An aggregator between: asked from above, it asks below in turn, adds what comes, and answers with the sum.

What is below it may be learners or aggregators again, so it serves at any depth; it does not know at which it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Fetched, Pushed
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
from .learner import ATTACHED_BYTES, RETRY_S
from .messages import Abandon, Assign, Begun, Declined, Dismiss, Learnt, RoundOver, StepBelow, SteppedBelow
from .server import Round

SHARE = 0.8  # of the time that is left above, for the rounds below; the rest is for the way


class Phase(IntEnum):
    """Where an aggregator stands."""

    IDLE = 0
    FETCHING = 1
    BELOW = 2
    STEPPING = 3
    PUSHING = 4
    OVER = 5


@dataclass
class Relay:
    """Durable: one per job; a client of its server, and the server of its own cohort."""

    job: int
    server: NodeId
    cohort: tuple[NodeId, ...]
    phase: Phase = Phase.IDLE
    asked: Assign | None = None
    next: Assign | None = None  # waits for the round below to be given up
    until_s: float = 0.0  # when its own answer is no longer wanted
    missing: tuple[Ref, ...] = ()
    base: Ref | None = None  # of the round below
    inner: int = 0  # rounds below so far in this one
    update: Counted | None = None
    owing: dict[NodeId, int] | None = None
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
                given_up = [Tell(Abandon(self.job, self._below()))] if self.phase is Phase.BELOW else []
                self.phase = Phase.OVER
                return [*given_up, *(Send(client, Dismiss(self.job)) for client in self.cohort), Cancel("retry")]
            case Phase.FETCHING, Told(Fetched(ref)) if ref in self.missing:
                self.missing = tuple(other for other in self.missing if other != ref)
                return [] if self.missing else [Cancel("retry"), *self._begun(), *self._ask(now_s)]
            case Phase.FETCHING, Woke("retry"):
                return self._fetch(now_s)
            case Phase.BELOW, Told(RoundOver(job=job) as over) if job == self.job:
                return self._over(over, now_s)
            case Phase.STEPPING, Done(name, SteppedBelow(weights, update)) if name == self._name():
                return self._stepped(weights, update, now_s)
            case Phase.STEPPING, Failed(name, why) if name == self._name():
                return self._decline(why)
            case Phase.PUSHING, Told(Pushed(ref)) if self.update is not None and ref == self.update.delta:
                return self._answer()
            case Phase.PUSHING, Woke("retry") if self.update is not None:
                return [Start(Give(self.update.delta, self.server)), Wake("retry", now_s + RETRY_S)]
            case _, Told(Fetched() | Pushed() | RoundOver()):
                return []
        return [Tell(Ignored("Relay", self.key, type(event).__name__, self.phase.name))]

    @property
    def _number(self) -> int:
        newest = self.next or self.asked
        return -1 if newest is None else newest.number

    def _name(self) -> str:
        """Work of one round is not taken for another's."""
        return f"step/{self._below()}"

    def _below(self) -> int:
        """The number of the round below: a higher one for each."""
        assert self.asked is not None
        return self.asked.number * self.asked.terms.below + self.inner

    def _asked(self, asked: Assign, now_s: float) -> Sequence[Command]:
        if self.phase is Phase.BELOW:
            self.next = asked
            return [Tell(Abandon(self.job, self._below()))]
        return self._take(asked, now_s)

    def _take(self, asked: Assign, now_s: float) -> Sequence[Command]:
        self.asked, self.next, self.inner, self.update = asked, None, 0, None
        self.until_s, self.base = now_s + asked.left_s, asked.base
        self.missing = (asked.base,) if asked.common is None else (asked.base, asked.common)
        return self._fetch(now_s)

    def _fetch(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.FETCHING
        return [*(Start(Fetch(ref, self.server)) for ref in self.missing), Wake("retry", now_s + RETRY_S)]

    def _begun(self) -> Sequence[Command]:
        assert self.asked is not None
        begun = Begun(self.asked.number, self.job)
        return [Send(self.server, begun)] if self.asked.terms.accept_s else []

    def _ask(self, now_s: float) -> Sequence[Command]:
        """One more round below; the time that is left is shared among those that are to come."""
        asked = self.asked
        assert asked is not None and self.base is not None
        self.phase = Phase.BELOW
        left = asked.terms.below - self.inner
        patience_s = max(SHARE * (self.until_s - now_s) / left, 0.1)
        terms = replace(asked.terms, tiers=max(asked.terms.tiers - 1, 0))
        owing = dict(self.owing or {})
        return [
            Start(
                Round(
                    self._below(), self.base, self.cohort, 1, patience_s,
                    terms=terms, common=asked.common, owing=owing,
                )
            )
        ]  # fmt: skip

    def _over(self, over: RoundOver, now_s: float) -> Sequence[Command]:
        self.owing = dict(over.owing)
        if self.next is not None:
            return self._take(self.next, now_s)
        if over.total is None:
            return self._decline(over.why)
        asked = self.asked
        assert asked is not None and self.base is not None
        if asked.terms.below == 1:
            return self._send(over.total, now_s)
        self.phase = Phase.STEPPING
        step = StepBelow(asked.number, asked.base, self.base, over.total, asked.terms)
        return [Do(self._name(), step)]

    def _stepped(self, weights: Ref, update: Counted, now_s: float) -> Sequence[Command]:
        assert self.asked is not None
        self.base, self.inner = weights, self.inner + 1
        return self._ask(now_s) if self.inner < self.asked.terms.below else self._send(update, now_s)

    def _send(self, update: Counted, now_s: float) -> Sequence[Command]:
        self.update = update
        if update.delta.size_bytes <= ATTACHED_BYTES:
            return self._answer()
        self.phase = Phase.PUSHING
        return [Start(Give(update.delta, self.server)), Wake("retry", now_s + RETRY_S)]

    def _answer(self) -> Sequence[Command]:
        assert self.asked is not None and self.update is not None
        attach = () if self.phase is Phase.PUSHING else (self.update.delta,)
        self.phase = Phase.IDLE
        learnt = Learnt(self.asked.number, self.update, self.job)
        return [Send(self.server, learnt, Lane.TENSOR if attach else Lane.CONTROL, attach=attach)]

    def _decline(self, why: str) -> Sequence[Command]:
        assert self.asked is not None
        self.phase = Phase.IDLE
        return [Send(self.server, Declined(self.asked.number, why, self.job))]
