"""Which of two models is right more often, judged on labelled samples where exactly one of them is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum


class Verdict(IntEnum):
    """What the labels say of a candidate."""

    UNDECIDED = 0
    BETTER = 1
    WORSE = 2


@dataclass(frozen=True)
class Judge:
    """Sign test that may be looked at after every label, as a function of the counts so far.

    Were both models equally good, each label would be a fair coin. Against the coin stands a rate that is unknown and
    uniform; that likelihood ratio exceeds 1/error ever, at any time, with probability at most `error` (Ville 1939).
    Stop at the first verdict that is not UNDECIDED.

    Source: Robbins 1970 (Annals of Mathematical Statistics 41), the beta-binomial mixture.

    >>> Judge()(0, 11), Judge()(0, 10), Judge()(40, 40)
    (<Verdict.WORSE: 2>, <Verdict.UNDECIDED: 0>, <Verdict.UNDECIDED: 0>)
    """

    error: float = 0.01  # probability of ever a verdict where there is nothing to tell

    def __call__(self, better: int, worse: int) -> Verdict:
        """Decides after so many labels that the candidate alone had right, and that the champion alone had."""
        if self.log_evidence(better, worse) < -math.log(self.error):
            return Verdict.UNDECIDED
        return Verdict.BETTER if better > worse else Verdict.WORSE

    def log_evidence(self, better: int, worse: int) -> float:
        """Log of the likelihood ratio against a fair coin."""
        both = better + worse
        choose = math.lgamma(both + 1) - math.lgamma(better + 1) - math.lgamma(worse + 1)
        return both * math.log(2.0) - choose - math.log(both + 1)
