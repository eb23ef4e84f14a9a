"""The cloud's side: a site's candidate becomes the base of one round of all sites, and its model a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Heard, Ignored, Start, Tell, Told
from ...core.ref import Ref
from ..job.cloud import Job
from ..job.messages import Order
from ..round.messages import RoundOver, Weights
from ..round.server import Round
from .messages import Apply, Candidate, Withheld


class Phase(IntEnum):
    """From a candidate to a job."""

    NEW = 0
    APPLYING = 1
    TOGETHER = 2
    OVER = 3


@dataclass
class Improve:
    """Durable: one per candidate."""

    site: str
    counter: int
    number: int  # of the round and of the job
    cohort: tuple[NodeId, ...]
    patience_s: float
    rings: tuple[tuple[NodeId, ...], ...]
    phase: Phase = Phase.NEW
    base: Ref | None = None
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which candidate."""
        return f"{self.site}-{self.counter}"

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                return []
            case Phase.NEW, Heard(_, Candidate() as candidate):
                self.phase = Phase.APPLYING
                return [Do("apply", Apply(candidate.counter, candidate.update))]
            case Phase.APPLYING, Done("apply", Weights(base)):
                self.phase, self.base = Phase.TOGETHER, base
                return [Start(Round(self.number, base, self.cohort, 1, self.patience_s))]
            case Phase.TOGETHER, Told(RoundOver(number, model)) if number == self.number:
                self.phase = Phase.OVER
                order = Order(f"drift at {self.site}", weights=model or self.base, parent=self.counter)
                return [Start(Job(self.number, order, self.rings))]
            case _, Failed(_, why):
                self.phase = Phase.OVER
                return [Tell(Withheld(self.site, why))]
            case _, Told(RoundOver()):
                return []
        return [Tell(Ignored("Improve", self.key, type(event).__name__, self.phase.name))]
