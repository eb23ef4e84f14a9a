"""Work of a trial: labels for disagreements as far as the on-site source has them, and the sequential tests' word."""

from __future__ import annotations

from ..flow.trial.messages import Judge, Judged
from ..watch import Decision, Outcome, ReleaseGate
from .tools import Tools

LIMIT = 4  # times the wanted samples after which an open trial is a no


def judge(work: Judge, tools: Tools) -> Judged:
    """Only samples that the on-site source labels count; where there is no source, agreement itself must do."""
    better, worse, still = work.better, work.worse, []
    for pair in work.pairs:
        if pair.at_s + tools.policy.label_delay_s > work.now_s:
            still.append(pair)
        elif tools.labels is not None:
            y = tools.labels(pair.sample)
            better += pair.candidate == y
            worse += pair.champion == y
    counts = f"{work.disagreed} of {work.samples} answers differ; labels: {better} better, {worse} worse"
    word = _blind(work) if tools.labels is None else _seeing(work, better, worse, len(still))
    if not word and work.samples >= LIMIT * work.inputs:
        return Judged(tuple(still), len(work.pairs), better, worse, "worse", f"undecided, which is a no: {counts}")
    return Judged(tuple(still), len(work.pairs), better, worse, word, f"{word}: {counts}" if word else "")


def _seeing(work: Judge, better: int, worse: int, waiting: int) -> str:
    outcome = ReleaseGate()(work.samples, work.disagreed, better, worse, waiting)
    return "" if outcome is Outcome.PASSED and work.samples < work.inputs else outcome.value


def _blind(work: Judge) -> str:
    """Without labels nobody can say who is right: a release that differs often is refused."""
    if ReleaseGate().triggered(work.samples, work.disagreed):
        return "worse"
    alike = ReleaseGate().disagreement(work.disagreed, work.samples) is Decision.LOW
    return "passed" if alike and work.samples >= work.inputs else ""
