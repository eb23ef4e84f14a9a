"""Work of a trial: labels for disagreements as far as the on-site source has them, and the sequential tests' word."""

from __future__ import annotations

import math

from ..flow.trial.messages import Judge, Judged
from ..watch import Decision, Outcome, ReleaseGate
from ..watch import Judge as SignTest
from .tools import Tools

LIMIT = 2  # times the wanted inputs after which an open trial ends by where the labels lean
LEAN = 3.0  # likelihood ratio against the candidate from which they lean


def judge(work: Judge, tools: Tools) -> Judged:
    """Disagreement is the trigger; labels on the disagreements decide; without a trigger enough inputs pass."""
    better, worse, still = work.better, work.worse, []
    for pair in work.pairs:
        y = None if tools.labels is None else tools.labels(pair.sample)
        if y is not None and pair.at_s + tools.policy.label_delay_s > work.now_s:
            still.append(pair)
        elif y is not None:
            better += pair.candidate == y
            worse += pair.champion == y
    gate = ReleaseGate()
    outcome = gate(work.samples, work.disagreed, better, worse, len(still))
    counts = f"{work.disagreed} of {work.samples} answers differ; labels: {better} better, {worse} worse"
    triggered = gate.disagreement(work.disagreed, work.samples) is Decision.HIGH
    word = why = ""
    if triggered and tools.labels is None:
        word, why = "worse", f"nobody here can say who is right: {counts}; declare an on-site source of labels"
    elif outcome in (Outcome.BETTER, Outcome.WORSE):
        word, why = outcome.value, f"{outcome.value}: {counts}"
    elif outcome is Outcome.PASSED and work.samples >= work.inputs:
        word, why = "passed", f"alike: {counts}"
    elif work.samples >= LIMIT * work.inputs:
        against = worse > better and SignTest().log_evidence(better, worse) >= math.log(LEAN)
        word, why = ("worse", f"leans worse: {counts}") if against else ("passed", f"no worse: {counts}")
    return Judged(tuple(still), len(work.pairs), better, worse, word, why)
