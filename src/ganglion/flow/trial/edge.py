"""The edge's side: compares on every sample that it sees, has its devices mirror theirs, asks for a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Seen
from ...core.label import STATISTIC_SAMPLES
from ...core.process import Began, Cancel, Command, Do, Done, Event, Failed, Ignored, Tell, Told, Wake, Woke
from ...core.update import Statistic
from ..serve.messages import Attend
from .messages import Compare, Compared, Judge, Judged, Pair, Verdict

LOOK_S = 0.5  # between two judgements
WHY = "trial"


class Phase(IntEnum):
    """Where a trial stands."""

    COMPARING = 1
    OVER = 2


@dataclass
class Trial:
    """Hot: a crash ends it, and `install` begins it again."""

    counter: int
    champion: int
    inputs: int
    phase: Phase = Phase.COMPARING
    samples: int = 0
    disagreed: int = 0
    pairs: tuple[Pair, ...] = ()
    better: int = 0
    worse: int = 0
    tier: int = 0
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per edge."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Began():
                return [Tell(Attend(True, WHY)), Wake("look", now_s + LOOK_S)]
            case Told(Seen(sample, x)):
                self.tier = max(self.tier, int(x.label.tier))
                return [Do(f"compare/{sample}", Compare(sample, x, self.champion, self.counter))]
            case Done(_, Compared(_, _, _, False)):
                return []
            case Done(_, Compared(sample, champion, candidate)):
                self.samples += 1
                if champion != candidate:
                    self.disagreed += 1
                    self.pairs = (*self.pairs, Pair(sample, champion, candidate, now_s))
                return []
            case Woke("look"):
                counts = (self.samples, self.disagreed, self.pairs, self.better, self.worse)
                return [Do("judge", Judge(*counts, self.inputs, now_s))]
            case Done("judge", Judged() as judged):
                return self._judged(judged, now_s)
            case Failed(name, why) if name == "judge":
                return self._end(False, why)
            case Failed():
                return []  # one sample could not be compared, it may have left memory already
        return [Tell(Ignored("Trial", "", type(event).__name__, self.phase.name))]

    def _judged(self, judged: Judged, now_s: float) -> Sequence[Command]:
        self.pairs = (*judged.pairs, *self.pairs[judged.looked :])  # what came in meanwhile stays open
        self.better, self.worse = judged.better, judged.worse
        if judged.word:
            return self._end(judged.word != "worse", judged.why)
        return [Wake("look", now_s + LOOK_S)]

    def _end(self, passed: bool, why: str) -> Sequence[Command]:
        self.phase = Phase.OVER
        counts = (("disagreed", self.disagreed), ("better", self.better), ("worse", self.worse))
        values = tuple((name, float(value)) for name, value in counts)
        enough = self.samples >= STATISTIC_SAMPLES
        evidence = (Statistic(self.tier, self.samples, values),) if enough else ()
        told = Tell(Verdict(self.counter, passed, why, evidence))
        return [Cancel("look"), Tell(Attend(False, WHY)), told]
