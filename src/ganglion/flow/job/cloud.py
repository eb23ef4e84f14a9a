"""The cloud's side of a job, step by step; each step's result is a digest, so a crash costs one step at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Ignored, Start, Tell, Told
from ...core.profile import Profile
from ...core.ref import Ref
from ..profile.messages import Surveyed
from ..profile.nodes import Survey
from ..rollout.cloud import Rollout
from ..rollout.messages import RolledOut
from ..rollout.rule import Rule
from ..round.messages import Weights
from .messages import Draft, FreshWeights, JobOver, JobStep, MakeDraft, Order, Package, Packaged, Released

SURVEY_S = 60.0


class Phase(IntEnum):
    """Where a job stands."""

    NEW = 0
    TRAINING = 1
    EXPORTING = 2
    MEASURING = 3
    PACKAGING = 4
    ROLLING = 5
    OVER = 6


@dataclass
class Job:
    """Durable: one order."""

    number: int
    order: Order
    rings: tuple[tuple[NodeId, ...], ...]
    phase: Phase = Phase.NEW
    draft: Draft | None = None
    counter: int = 0
    rules: tuple[Rule, ...] = ()  # of the roll-out, one per ring; none: its own
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which job."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                if self.order.weights is not None:
                    return self._export(self.order.weights)
                self.phase = Phase.TRAINING
                return [self._step("train"), Do("train", FreshWeights(self.order.start, self.order.swapped))]
            case Phase.TRAINING, Done("train", Weights(ref)):
                return self._export(ref)
            case Phase.EXPORTING, Done("export", Draft() as draft):
                self.phase, self.draft = Phase.MEASURING, draft
                survey = Survey(
                    self.number, draft.stored, draft.graphs, draft.model.input_shape, self.rings[0][0], SURVEY_S
                )
                return [self._step("profile nodes and links"), Start(survey)]
            case Phase.MEASURING, Told(Surveyed(number, profiles, why)) if number == self.number:
                return self._end(False, why) if why else self._package(profiles)
            case Phase.PACKAGING, Done("package", Packaged(counter, manifest, evaluation)):
                self.phase, self.counter = Phase.ROLLING, counter
                told = Tell(Released(counter, manifest, self.order.trigger, evaluation))
                return [told, self._step("roll out"), Start(Rollout(counter, manifest, self.rings, rules=self.rules))]
            case Phase.ROLLING, Told(RolledOut(counter, kept, why)) if counter == self.counter:
                return self._end(kept, why)
            case _, Failed(_, why):
                return self._end(False, why)
            case _, Told():
                return []
        return [Tell(Ignored("Job", self.key, type(event).__name__, self.phase.name))]

    def _export(self, weights: Ref) -> Sequence[Command]:
        self.phase = Phase.EXPORTING
        return [self._step("export and quantise"), Do("export", MakeDraft(weights))]

    def _package(self, profiles: tuple[tuple[int, Profile], ...]) -> Sequence[Command]:
        assert self.draft is not None
        self.phase = Phase.PACKAGING
        return [self._step("plan and sign"), Do("package", Package(self.number, self.draft, profiles, self.order))]

    def _end(self, kept: bool, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        return [Tell(JobOver(self.number, self.counter, kept, why))]

    def _step(self, step: str) -> Command:
        return Tell(JobStep(self.number, step))
