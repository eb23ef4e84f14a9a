"""The cloud's side: canary live, every other site in the shadow, then ring by ring; one site's "worse" ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Event, Heard, Ignored, Send, Tell, Wake, Woke
from ...core.ref import Ref
from .messages import Back, Commit, Offer, Promote, Report, Ringed, RolledOut


class Phase(IntEnum):
    """Where a roll-out stands."""

    NEW = 0
    JUDGING = 1
    PROMOTING = 2
    COMMITTING = 3
    RETURNING = 4
    OVER = 5


@dataclass
class Rollout:
    """Durable: one per release. A node that cannot be reached is neither success nor failure."""

    counter: int
    manifest: Ref
    rings: tuple[tuple[NodeId, ...], ...]
    patience_s: float = 120.0
    phase: Phase = Phase.NEW
    states: dict[NodeId, str] = field(default_factory=dict)
    ring: int = 0
    why: str = ""
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which release."""
        return str(self.counter)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                return self._begin(now_s)
            case Phase.OVER, _:
                return []
            case Phase.RETURNING, Heard(node, Report(_, state)):
                self.states[node] = state
                return self._end(False) if all(s == "back" for s in self.states.values()) else []
            case Phase.COMMITTING, Heard(node, Report(_, state)):
                self.states[node] = state
                return self._end(True) if all(s == "committed" for s in self.states.values()) else []
            case _, Heard(node, Report(_, "failed", why)):
                self.states[node] = "failed"
                return self._return(f"{node}: {why}", now_s)
            case Phase.JUDGING, Heard(node, Report(_, state)):
                self.states[node] = state
                passed = all(self.states.get(one) == "passed" for ring in self.rings for one in ring)
                return self._promote(now_s) if passed else []
            case Phase.PROMOTING, Heard(node, Report(_, state)):
                self.states[node] = state
                ring = self.rings[self.ring]
                return self._promote(now_s) if all(self.states.get(one) == "passed" for one in ring) else []
            case Phase.JUDGING, Woke("late"):
                return self._judge_late(now_s)
            case Phase.PROMOTING, Woke("late"):
                return self._promote(now_s)  # who did not answer gets it when it comes back
            case ((Phase.COMMITTING | Phase.RETURNING), Woke("late")):
                return self._end(self.phase is Phase.COMMITTING)  # the outbox keeps the message for who was away
            case _, Woke("late"):
                return []
        return [Tell(Ignored("Rollout", self.key, type(event).__name__, self.phase.name))]

    def _begin(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.JUDGING
        offers: list[Command] = []
        for place, ring in enumerate(self.rings):
            offers += [Send(node, Offer(self.counter, self.manifest, live=place == 0)) for node in ring]
        step = Tell(Ringed(self.counter, "canary", tuple(self.rings[0])))
        return [*offers, step, Wake("late", now_s + self.patience_s)]

    def _judge_late(self, now_s: float) -> Sequence[Command]:
        canary = [self.states.get(node, "unreached") for node in self.rings[0]]
        if all(state == "passed" for state in canary):
            return self._promote(now_s)
        return self._return(f"no verdict from the canary within {self.patience_s:g} s: {canary}", now_s)

    def _promote(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.PROMOTING
        self.ring += 1
        if self.ring >= len(self.rings):
            return self._commit(now_s)
        ring = self.rings[self.ring]
        for node in ring:
            self.states[node] = "promoting"
        promotes = [Send(node, Promote(self.counter)) for node in ring]
        return [*promotes, Tell(Ringed(self.counter, "ring", tuple(ring))), Wake("late", now_s + self.patience_s)]

    def _commit(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.COMMITTING
        commits = [Send(node, Commit(self.counter)) for node in self._all()]
        return [*commits, Wake("late", now_s + self.patience_s)]

    def _return(self, why: str, now_s: float) -> Sequence[Command]:
        self.phase, self.why = Phase.RETURNING, why
        for node in self._all():
            self.states[node] = "returning"
        backs = [Send(node, Back(self.counter, why)) for node in self._all()]
        return [*backs, Tell(Ringed(self.counter, "back", tuple(self._all()))), Wake("late", now_s + self.patience_s)]

    def _end(self, kept: bool) -> Sequence[Command]:
        self.phase = Phase.OVER
        return [Tell(RolledOut(self.counter, kept, self.why))]

    def _all(self) -> list[NodeId]:
        return [node for ring in self.rings for node in ring]
