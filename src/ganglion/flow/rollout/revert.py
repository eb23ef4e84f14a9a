"""A release goes out once more: its weights come signed under a higher number, so that no node's floor falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import ClassVar

from ...core.fleet import NodeId
from ...core.process import Began, Command, Do, Done, Event, Failed, Ignored, Start, Tell
from ...core.ref import Ref
from .cloud import Rollout
from .messages import Reissue, Reissued, RolledOut
from .rule import Rule


class Phase(IntEnum):
    """Where it stands."""

    NEW = 0
    SIGNING = 1
    OVER = 2


@dataclass
class Revert:
    """Durable. Without a trial it is a way back after a commit, which a person decides on."""

    number: int
    of: int
    by: str
    rings: tuple[tuple[NodeId, ...], ...]
    patience_s: float = 120.0
    phase: Phase = Phase.NEW
    rules: tuple[Rule, ...] = ()  # as the roll-out's
    trial: bool = True
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """Which release it makes."""
        return str(self.number)

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match self.phase, event:
            case Phase.NEW, Began():
                self.phase = Phase.SIGNING
                return [Do("sign", Reissue(self.number, self.of, f"release {self.of} again, by {self.by}"))]
            case Phase.SIGNING, Done("sign", Reissued(counter, manifest)):
                self.phase = Phase.OVER
                return [Start(self._rollout(counter, manifest))]
            case Phase.SIGNING, Failed(_, why):
                self.phase = Phase.OVER
                return [Tell(RolledOut(self.number, False, why))]
        return [Tell(Ignored("Revert", self.key, type(event).__name__, self.phase.name))]

    def _rollout(self, counter: int, manifest: Ref) -> Rollout:
        """Without a trial there is nothing to do in the shadow."""
        rules = self.rules
        if not self.trial:
            given = self.rules or tuple(Rule(patience_s=self.patience_s) for _ in self.rings)
            rules = tuple(replace(rule, shadow=False) for rule in given)
        return Rollout(counter, manifest, self.rings, self.patience_s, rules=rules, trial=self.trial)
