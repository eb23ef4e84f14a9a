"""A trial, event by event: every sample is compared once, every disagreement waits for its label, one word ends it."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest

from ganglion.core.facts import Seen
from ganglion.core.fleet import NodeId
from ganglion.core.label import STATISTIC_SAMPLES, Form, Label, Tier
from ganglion.core.process import (
    Began,
    Cancel,
    Command,
    Do,
    Done,
    Event,
    Failed,
    Heard,
    Ignored,
    Tell,
    Told,
    Wake,
    Woke,
)
from ganglion.core.ref import Ref
from ganglion.core.update import Statistic
from ganglion.flow.presence.messages import Beat, Present
from ganglion.flow.serve.messages import Attend
from ganglion.flow.trial.edge import LOOK_S, WHY, Phase, Trial
from ganglion.flow.trial.messages import Compare, Compared, Judge, Judged, Pair, Verdict

CHAMPION, CANDIDATE, INPUTS = 1, 2, 150


def x(tier: Tier) -> Ref:
    return Ref("~d/x", 64, Label(tier, Form.RAW))


def trial() -> Trial:
    flow = Trial(CANDIDATE, CHAMPION, INPUTS)
    flow.on(Began(), 0.0)
    return flow


def compared(sample: str, champion: int, candidate: int, counts: bool = True) -> Done:
    return Done(f"compare/{sample}", Compared(sample, champion, candidate, counts))


def judged(word: str, pairs: tuple[Pair, ...] = (), looked: int = 0, why: str = "why") -> Done:
    return Done("judge", Judged(pairs, looked, 3, 1, word, why))


def ends(passed: bool, why: str, evidence: tuple[Statistic, ...] = ()) -> list[Command]:
    return [Cancel("look"), Tell(Attend(False, WHY)), Tell(Verdict(CANDIDATE, passed, why, evidence))]


SEEN = Told(Seen("s", x(Tier.EDGE)))
STEPS: list[tuple[str, tuple[Event, ...], Event, Sequence[Command], Phase]] = [
    ("has its devices mirror", (), Began(), [Tell(Attend(True, WHY)), Wake("look", 9.0 + LOOK_S)], Phase.COMPARING),
    (
        "compares what it sees",
        (),
        SEEN,
        [Do("compare/s", Compare("s", x(Tier.EDGE), CHAMPION, CANDIDATE))],
        Phase.COMPARING,
    ),
    ("an agreement", (), compared("s", 4, 4), [], Phase.COMPARING),
    ("a disagreement", (), compared("s", 4, 5), [], Phase.COMPARING),
    ("a sample that has left memory", (), Failed("compare/s", "gone"), [], Phase.COMPARING),
    (
        "looks",
        (compared("s", 4, 5), compared("t", 4, 4)),
        Woke("look"),
        [Do("judge", Judge(2, 1, (Pair("s", 4, 5, 1.0),), 0, 0, INPUTS, 9.0))],
        Phase.COMPARING,
    ),
    ("goes on", (), judged(""), [Wake("look", 9.0 + LOOK_S)], Phase.COMPARING),
    ("better", (), judged("better"), ends(True, "why"), Phase.OVER),
    ("passed", (), judged("passed"), ends(True, "why"), Phase.OVER),
    ("worse", (), judged("worse"), ends(False, "why"), Phase.OVER),
    ("cannot judge", (), Failed("judge", "no labels"), ends(False, "no labels"), Phase.OVER),
]


@pytest.mark.parametrize(("name", "before", "event", "commands", "after"), STEPS, ids=[row[0] for row in STEPS])
def test_each_step(
    name: str, before: tuple[Event, ...], event: Event, commands: Sequence[Command], after: Phase
) -> None:
    flow = trial()
    for earlier in before:
        flow.on(earlier, 1.0)
    assert list(flow.on(event, 9.0)) == list(commands)
    assert flow.phase is after


def test_only_samples_that_will_be_labelled_count() -> None:
    flow = trial()
    for event in (compared("s", 1, 1), compared("t", 1, 2), compared("u", 1, 2, counts=False)):
        flow.on(event, 1.0)
    assert (flow.samples, flow.disagreed, flow.pairs) == (2, 1, (Pair("t", 1, 2, 1.0),))


def test_what_comes_in_while_it_is_judged_stays_open() -> None:
    flow = trial()
    flow.on(compared("early", 1, 2), 1.0)
    flow.on(Woke("look"), 1.5)
    flow.on(compared("meanwhile", 1, 2), 1.6)
    flow.on(judged("", (), looked=1), 1.7)
    assert flow.pairs == (Pair("meanwhile", 1, 2, 1.6),) and (flow.better, flow.worse) == (3, 1)


@pytest.mark.parametrize("samples", [STATISTIC_SAMPLES - 1, STATISTIC_SAMPLES])
def test_evidence_is_a_statistic_under_the_highest_tier_or_nothing(samples: int) -> None:
    flow = trial()
    for tier in (Tier.PUBLIC, Tier.EDGE, Tier.DERIVED):
        flow.on(Told(Seen("s", x(tier))), 1.0)
    for number in range(samples):
        flow.on(compared(str(number), 0, number % 2), 1.0)
    *_, told = flow.on(judged("passed"), 2.0)
    counts = (("disagreed", float(samples // 2)), ("better", 3.0), ("worse", 1.0))
    evidence = (Statistic(int(Tier.EDGE), samples, counts),) if samples >= STATISTIC_SAMPLES else ()
    assert told == Tell(Verdict(CANDIDATE, True, "why", evidence))


STRAY = [Done("?"), Heard(NodeId("d"), Beat("d", 0, 0, 0, 0.0)), Told(Present("d", 0, 0, 0)), Woke("?")]


@pytest.mark.parametrize("stray", STRAY, ids=lambda event: type(event).__name__)
def test_a_stray_event_changes_nothing_and_is_told(stray: Event) -> None:
    flow = trial()
    flow.on(compared("s", 1, 2), 1.0)
    before = deepcopy(flow)
    assert flow.on(stray, 9.0) == [Tell(Ignored("Trial", "", type(stray).__name__, "COMPARING"))]
    assert flow == before
