"""Whether a candidate may replace the champion at one site: disagreement triggers, labels on it decide."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .judge import Judge, Verdict
from .not_worse import NotWorse
from .sequential import Decision, Sprt


class Outcome(StrEnum):
    """What the gate says so far."""

    OPEN = ""
    PASSED = "passed"  # it is not worse
    BETTER = "better"
    WORSE = "worse"


@dataclass(frozen=True)
class ReleaseGate:
    """A function of what one site has counted so far. Stop at the first outcome that is not OPEN.

    Only samples on which the two answer differently can tell them apart, so only those need labels. One without a
    label counts against the candidate: a candidate that hardly differs passes all the same, one that differs often
    needs labels, whichever way it differs, for a good release for a drifted site differs most of all. Whoever asks
    sets a time limit, after which an open gate is a no. Where the champion fails everything, a bad candidate looks
    no worse, so ask at a clean site as well.
    """

    disagreement: Sprt = Sprt()
    judge: Judge = Judge()
    not_worse: NotWorse = NotWorse()

    def __call__(self, samples: int, disagreed: int, better: int, worse: int, waiting: int = 0) -> Outcome:
        """Decides after `samples`, of which `disagreed` were answered differently.

        Of these, the candidate alone had `better` right and the champion alone `worse`; `waiting` have no label yet,
        and the others were wrong twice or will get none. Raises ValueError if the counts do not fit together.
        """
        if min(better, worse, waiting) < 0 or not better + worse + waiting <= disagreed <= samples:
            counts = f"{samples} samples, {disagreed} disagreed, {better} better, {worse} worse, {waiting} waiting"
            raise ValueError(f"counts that do not fit together: {counts}; each is a part of the one before it")
        match self.judge(better, worse):
            case Verdict.BETTER:
                return Outcome.BETTER
            case Verdict.WORSE:
                return Outcome.WORSE
        return Outcome.PASSED if self.not_worse(samples, better, worse + waiting) else Outcome.OPEN

    def triggered(self, samples: int, disagreed: int) -> bool:
        """Whether the two differ so often that a site should ask for labels, if these have a price."""
        return self.disagreement(disagreed, samples) is Decision.HIGH
