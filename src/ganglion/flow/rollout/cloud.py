"""The cloud's side: ring by ring, in the shadow and then live, each by its rule; what is late catches up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited
from ...core.fleet import NodeId
from ...core.process import Began, Command, Event, Heard, Ignored, Send, Tell, Told, Wake, Woke
from ...core.ref import Ref
from .messages import Back, Commit, Offer, Promote, Report, Ringed, RolledOut, Steer
from .rule import Rule

REPORTED = ("passed", "failed")


class Phase(IntEnum):
    """Where a roll-out stands."""

    NEW = 0
    JUDGING = 1  # the first ring answers with it
    PROMOTING = 2  # a later one
    COMMITTING = 3
    RETURNING = 4
    OVER = 5
    SHADOWING = 6  # the first ring tries it in the shadow
    SOAKING = 7  # a ring has passed and is watched for a while


FORWARD = (Phase.SHADOWING, Phase.JUDGING, Phase.PROMOTING, Phase.SOAKING)


@dataclass
class Rollout:
    """Durable: one per release. A node that cannot be reached is neither success nor failure."""

    counter: int
    manifest: Ref
    rings: tuple[tuple[NodeId, ...], ...]
    patience_s: float = 120.0  # where no rule says another
    phase: Phase = Phase.NEW
    states: dict[NodeId, str] = field(default_factory=dict)
    ring: int = 0
    why: str = ""
    rules: tuple[Rule, ...] = ()  # one per ring; none: the first ring must pass whole, the others as far as reached
    trial: bool = True  # sites compare it with what they have
    paused: bool = False
    late: bool = False  # the ring's deadline has passed
    kept: bool = False
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which release."""
        return str(self.counter)

    def rule(self, place: int) -> Rule:
        """What a ring is judged by."""
        if self.rules:
            return self.rules[place]
        first = place == 0
        return Rule(shadow=not first, least=len(self.rings[0]) if first else 0, patience_s=self.patience_s)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                return self._begin(now_s)
            case Phase.OVER, _:
                return []
            case _, Told(Steer() as steer) if self.phase in FORWARD:
                return self._steer(steer, now_s)
            case Phase.RETURNING, Heard(node, Report(_, state)):
                self.states[node] = state
                return self._end(False) if all(s == "back" for s in self.states.values()) else []
            case Phase.COMMITTING, Heard(node, Report(_, state)):
                self.states[node] = "failed" if state == "back" else state
                return self._end(True) if all(s in ("committed", "failed") for s in self.states.values()) else []
            case _, Heard(node, Report(_, state, why)) if self.phase in FORWARD:
                return self._heard(node, state, why, now_s)
            case ((Phase.SHADOWING | Phase.JUDGING | Phase.PROMOTING), Woke("late")):
                self.late = True
                return self._look(now_s)
            case Phase.SOAKING, Woke("soaked"):
                return [] if self.paused else self._next(now_s)
            case ((Phase.COMMITTING | Phase.RETURNING), Woke("late")):
                return self._end(self.phase is Phase.COMMITTING)  # the outbox keeps the message for who was away
            case _, Woke():
                return []
        return [Tell(Ignored("Rollout", self.key, type(event).__name__, self.phase.name))]

    def _begin(self, now_s: float) -> Sequence[Command]:
        """Whoever is to try it in the shadow begins at once; the first ring answers with it, unless its rule says no"""
        first = self.rule(0)
        self.phase = Phase.SHADOWING if first.shadow else Phase.JUDGING
        offers: list[Command] = []
        for place, ring in enumerate(self.rings):
            if place == 0 or self.rule(place).shadow:
                live = place == 0 and not first.shadow
                offers += [Send(node, Offer(self.counter, self.manifest, live, self.trial)) for node in ring]
        step = "shadow" if first.shadow else "canary"
        told = Tell(Ringed(self.counter, step, tuple(self.rings[0])))
        return [*offers, told, Wake("late", now_s + first.patience_s)]

    def _heard(self, node: NodeId, state: str, why: str, now_s: float) -> Sequence[Command]:
        """What is told while the roll-out goes on. A failure is heard also when it is paused."""
        if state == "back" or self.states.get(node) == "failed":
            return []  # it failed and went back by itself
        self.states[node] = state
        place = next((place for place, ring in enumerate(self.rings) if node in ring), None)
        if state == "failed" and place is not None:
            rule, ring = self.rule(place), self.rings[place]
            if refusal := rule.refusal(*self._counts(ring), len(ring)):
                return self._return(f"{node}: {why}" + (f" ({refusal})" if rule.error else ""), now_s)
        return self._look(now_s)

    def _look(self, now_s: float) -> Sequence[Command]:
        """Whether the ring has passed by now, or is too late."""
        if self.paused or self.phase is Phase.SOAKING:
            return []
        rule, ring = self.rule(self.ring), self.rings[self.ring]
        enough = rule.enough(*self._counts(ring))
        soon = rule.least > 0 and self.phase is Phase.PROMOTING
        if enough and (soon or self.late or self._reported()):
            return self._soak(now_s)
        if not self.late:
            return []
        states = [self.states.get(node, "unreached") for node in ring]
        name = "the canary" if self.ring == 0 else f"ring {rule.name or self.ring + 1}"
        return self._return(f"no verdict from {name} within {rule.patience_s:g} s: {states}", now_s)

    def _reported(self) -> bool:
        """Whether everybody who is awaited has: before anybody else answers with it, the shadow's word counts too."""
        rings = self.rings[self.ring : self.ring + 1]
        if self.phase is Phase.JUDGING:
            rings = tuple(r for place, r in enumerate(self.rings) if place == 0 or self.rule(place).shadow)
        return all(self.states.get(node) in REPORTED for ring in rings for node in ring)

    def _soak(self, now_s: float) -> Sequence[Command]:
        if self.phase is Phase.SHADOWING:
            return self._go_live(now_s)
        soak_s = self.rule(self.ring).soak_s
        if not soak_s:
            return self._next(now_s)
        self.phase = Phase.SOAKING
        return [Tell(Ringed(self.counter, "soak", self.rings[self.ring])), Wake("soaked", now_s + soak_s)]

    def _next(self, now_s: float) -> Sequence[Command]:
        self.ring += 1
        return self._go_live(now_s) if self.ring < len(self.rings) else self._commit(now_s)

    def _go_live(self, now_s: float) -> Sequence[Command]:
        """The ring answers with it from now on, but for those of it that have refused it already."""
        rule, ring = self.rule(self.ring), self.rings[self.ring]
        self.phase, self.late = (Phase.PROMOTING if self.ring else Phase.JUDGING), False
        nodes = [node for node in ring if self.states.get(node) != "failed"]
        for node in nodes:
            self.states[node] = "promoting"
        live = Promote(self.counter) if rule.shadow else Offer(self.counter, self.manifest, True, self.trial)
        told = Tell(Ringed(self.counter, "ring" if self.ring else "canary", tuple(nodes)))
        rest = [] if nodes else self._look(now_s)
        return [*(Send(node, live) for node in nodes), told, Wake("late", now_s + rule.patience_s), *rest]

    def _steer(self, steer: Steer, now_s: float) -> Sequence[Command]:
        kept = Tell(Audited(f"roll-out: {steer.act}", f"release {self.counter}", steer.by))
        match steer.act, self.paused:
            case "pause", False:
                self.paused = True
                return [kept, Tell(Ringed(self.counter, "paused", ()))]
            case "resume", True:
                self.paused, self.late, rule = False, False, self.rule(self.ring)
                soaks = self.phase is Phase.SOAKING
                wake = Wake("soaked", now_s + rule.soak_s) if soaks else Wake("late", now_s + rule.patience_s)
                return [kept, Tell(Ringed(self.counter, "resumed", ())), wake, *self._look(now_s)]
            case "abort", _:
                return [kept, *self._return(f"aborted by {steer.by}", now_s)]
        return [Tell(Ignored("Rollout", self.key, steer.act, self.phase.name))]

    def _commit(self, now_s: float) -> Sequence[Command]:
        self.phase = Phase.COMMITTING
        commits = [Send(node, self._last_word(node)) for node in self._all()]
        return [*commits, Wake("late", now_s + self._patience_s())]

    def _last_word(self, node: NodeId) -> Commit | Back:
        """Whoever was not reached catches up by the commit that follows its offer."""
        return Back(self.counter, "it failed here") if self.states.get(node) == "failed" else Commit(self.counter)

    def _return(self, why: str, now_s: float) -> Sequence[Command]:
        self.phase, self.why = Phase.RETURNING, why
        for node in self._all():
            self.states[node] = "returning"
        backs = [Send(node, Back(self.counter, why)) for node in self._all()]
        told = Tell(Ringed(self.counter, "back", tuple(self._all())))
        return [*backs, told, Wake("late", now_s + self._patience_s())]

    def _end(self, kept: bool) -> Sequence[Command]:
        self.phase, self.kept = Phase.OVER, kept
        return [Tell(RolledOut(self.counter, kept, self.why))]

    def _patience_s(self) -> float:
        return self.rule(min(self.ring, len(self.rings) - 1)).patience_s

    def _counts(self, ring: tuple[NodeId, ...]) -> tuple[int, int]:
        """How many have passed, and how many have failed."""
        states = [self.states.get(node) for node in ring]
        return states.count("passed"), states.count("failed")

    def _all(self) -> list[NodeId]:
        return [node for ring in self.rings for node in ring]
