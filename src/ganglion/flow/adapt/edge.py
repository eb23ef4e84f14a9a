"""The edge's side: after an alarm it collects labels, learns in its worker, and offers what may leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Activated, Audited, Drifted, Fetched, Pushed
from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Send, Start, Tell, Told, Wake, Woke
from ...core.ref import Ref
from ...core.update import Counted, Statistic
from ..fetch.client import Fetch, Give
from ..keep.messages import Gather, Gathered
from ..serve.messages import Attend
from ..watch.messages import Alarm
from .messages import (
    Candidate,
    Improved,
    Labelling,
    Learn,
    LearntLocally,
    Material,
    Materials,
    Protect,
    Protected,
    Withheld,
)

RETRY_S = 15.0
WHY = "adapt"


class Phase(IntEnum):
    """From one alarm to the next release."""

    WATCHING = 1
    LABELLING = 2
    FETCHING = 3
    LEARNING = 4
    PROTECTING = 5
    PUSHING = 6
    OFFERED = 7
    OVER = 8


@dataclass
class Adapt:
    """Durable: an edge that dies while it learns, learns again."""

    site: NodeId
    parent: NodeId
    wanted: int  # labels before it learns
    phase: Phase = Phase.WATCHING
    since_s: float = 0.0
    data: Ref | None = None
    material: Materials | None = None
    missing: tuple[Ref, ...] = ()
    improved: Improved | None = None
    update: Counted | None = None
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """There is one per edge."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case _, Began():
                return []
            case Phase.WATCHING, Heard(_, Alarm(evidence)):
                return self._alarmed(evidence, now_s)
            case Phase.LABELLING, Done("labels", Gathered(count, data)):
                return self._labelled(count, data, now_s)
            case Phase.LABELLING, Woke("labels"):
                return [Do("labels", Gather(self.since_s, now_s, self.wanted))]
            case Phase.FETCHING, Done("material", Materials() as material):
                self.material, self.missing = material, (material.weights, material.replay)
                return [*self._fetch(), Wake("retry", now_s + RETRY_S)]
            case Phase.FETCHING, Told(Fetched(ref)):
                return self._fetched(ref)
            case Phase.FETCHING, Woke("retry"):
                return [*self._fetch(), Wake("retry", now_s + RETRY_S)]
            case Phase.LEARNING, Done("learn", Improved() as improved):
                return self._learnt(improved)
            case Phase.PROTECTING, Done("protect", Protected() as protected):
                return self._protected(protected, now_s)
            case Phase.PUSHING, Told(Pushed(ref)) if self.update is not None and ref == self.update.delta:
                return self._offer()
            case Phase.PUSHING, Woke("retry") if self.update is not None:
                return [Start(Give(self.update.delta, self.parent)), Wake("retry", now_s + RETRY_S)]
            case ((Phase.LEARNING | Phase.PROTECTING | Phase.LABELLING | Phase.FETCHING), Failed(_, why)):
                self.phase = Phase.WATCHING
                return [Tell(Withheld(self.site, why)), Tell(Attend(False, WHY))]
            case Phase.OFFERED, Told(Activated()):
                self.phase = Phase.WATCHING
                return []
            case _, Told(Fetched() | Pushed() | Activated()):
                return []
        return [Tell(Ignored("Adapt", "", type(event).__name__, self.phase.name))]

    def _alarmed(self, evidence: Statistic, now_s: float) -> Sequence[Command]:
        self.phase, self.since_s = Phase.LABELLING, now_s
        return [
            Tell(Drifted(self.site, self.site, evidence.samples)),
            Tell(Attend(True, WHY)),
            Wake("labels", now_s + 1.0),
        ]

    def _labelled(self, count: int, data: Ref | None, now_s: float) -> Sequence[Command]:
        if data is None:
            return [Tell(Labelling(self.site, count, self.wanted)), Wake("labels", now_s + 1.0)]
        self.phase, self.data = Phase.FETCHING, data
        return [
            Tell(Labelling(self.site, count, self.wanted)),
            Tell(Attend(False, WHY)),
            Do("material", Material()),
        ]

    def _fetch(self) -> list[Command]:
        return [Start(Fetch(ref, self.parent)) for ref in self.missing]

    def _fetched(self, ref: Ref) -> Sequence[Command]:
        self.missing = tuple(other for other in self.missing if other != ref)
        if self.missing or self.material is None or self.data is None:
            return []
        self.phase = Phase.LEARNING
        material = self.material
        return [Do("learn", Learn(material.weights, (self.data,), material.replay, material.counter))]

    def _learnt(self, improved: Improved) -> Sequence[Command]:
        self.phase, self.improved = Phase.PROTECTING, improved
        return [
            Tell(LearntLocally(self.site, improved.samples, improved.before, improved.after)),
            Do("protect", Protect(improved.update, f"candidate of {self.site} after drift")),
        ]

    def _protected(self, done: Protected, now_s: float) -> Sequence[Command]:
        self.phase, self.update = Phase.PUSHING, done.update
        return [
            Tell(Audited("declassify", done.update.delta.digest, done.mechanism, done.epsilon, done.delta)),
            Start(Give(done.update.delta, self.parent)),
            Wake("retry", now_s + RETRY_S),
        ]

    def _offer(self) -> Sequence[Command]:
        assert self.improved is not None and self.update is not None and self.material is not None
        self.phase = Phase.OFFERED
        values = (("before", self.improved.before), ("after", self.improved.after))
        evidence = Statistic(self.improved.tier, self.improved.samples, values)
        return [Send(self.parent, Candidate(self.site, self.material.counter, self.update, evidence))]
