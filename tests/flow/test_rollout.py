"""A roll-out in the cloud, event by event: who is offered, promoted, committed, and what brings a release back."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest

from ganglion.core.facts import Audited
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.process import (
    Began,
    Command,
    Do,
    Done,
    Event,
    Failed,
    Heard,
    Ignored,
    Send,
    Start,
    Tell,
    Told,
    Wake,
    Woke,
)
from ganglion.core.ref import Ref
from ganglion.flow.presence.messages import Present
from ganglion.flow.rollout.cloud import Phase, Rollout
from ganglion.flow.rollout.messages import (
    Back,
    Commit,
    Offer,
    Promote,
    Reissue,
    Reissued,
    Report,
    Ringed,
    RolledOut,
    Steer,
)
from ganglion.flow.rollout.revert import Revert
from ganglion.flow.rollout.rule import Rule

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
MANIFEST = Ref("manifest", 9, PUBLIC_UPDATE)
PATIENCE_S = 60.0
LATE = Woke("late")


def says(node: NodeId, state: str, why: str = "") -> Heard:
    return Heard(node, Report(2, state, why))


ALL_PASSED = (says(A, "passed"), says(B, "passed"), says(C, "passed"))
WORSE = "worse: 40 of 90 answers differ"
PATHS: dict[Phase, tuple[Event, ...]] = {  # how a roll-out over the rings (a), (b, c) gets there
    Phase.JUDGING: (),
    Phase.PROMOTING: ALL_PASSED,
    Phase.COMMITTING: (*ALL_PASSED, *ALL_PASSED[1:]),
    Phase.RETURNING: (says(A, "failed", WORSE),),
    Phase.OVER: (says(A, "failed", WORSE), says(A, "back"), says(B, "back"), says(C, "back")),
}


def at(phase: Phase) -> Rollout:
    flow = Rollout(2, MANIFEST, ((A,), (B, C)), PATIENCE_S)
    for event in (Began(), *PATHS[phase]):
        flow.on(event, 0.0)
    assert flow.phase is phase
    return flow


def wake(now_s: float) -> Wake:
    return Wake("late", now_s + PATIENCE_S)


def to_all(body: object) -> list[Command]:
    return [Send(node, body) for node in (A, B, C)]


def test_the_canary_gets_it_live_and_everybody_else_in_the_shadow() -> None:
    flow = Rollout(2, MANIFEST, ((A,), (B, C)), PATIENCE_S)
    assert flow.on(Began(), 5.0) == [
        Send(A, Offer(2, MANIFEST, live=True)),
        Send(B, Offer(2, MANIFEST, live=False)),
        Send(C, Offer(2, MANIFEST, live=False)),
        Tell(Ringed(2, "canary", (A,))),
        wake(5.0),
    ]
    assert flow.phase is Phase.JUDGING


PROMOTED: list[Command] = [Send(B, Promote(2)), Send(C, Promote(2)), Tell(Ringed(2, "ring", (B, C))), wake(9.0)]
RETURNED: list[Command] = [*to_all(Back(2, f"b: {WORSE}")), Tell(Ringed(2, "back", (A, B, C))), wake(9.0)]
NO_VERDICT = f"no verdict from the canary within {PATIENCE_S:g} s: ['live']"
#        phase             what came before                event                      commands            phase after
STEPS: list[tuple[Phase, tuple[Event, ...], Event, Sequence[Command], Phase]] = [
    (Phase.JUDGING, (), says(A, "live"), [], Phase.JUDGING),
    (Phase.JUDGING, (), says(B, "shadow"), [], Phase.JUDGING),
    (Phase.JUDGING, (), says(A, "passed"), [], Phase.JUDGING),
    (Phase.JUDGING, ALL_PASSED[:2], says(C, "passed"), PROMOTED, Phase.PROMOTING),
    (Phase.JUDGING, ALL_PASSED[:1], says(B, "failed", WORSE), RETURNED, Phase.RETURNING),
    (Phase.JUDGING, ALL_PASSED[:1], LATE, PROMOTED, Phase.PROMOTING),
    (
        Phase.JUDGING,
        (says(A, "live"),),
        LATE,
        [*to_all(Back(2, NO_VERDICT)), Tell(Ringed(2, "back", (A, B, C))), wake(9.0)],
        Phase.RETURNING,
    ),
    (Phase.PROMOTING, (), says(B, "live"), [], Phase.PROMOTING),
    (Phase.PROMOTING, (says(B, "passed"),), says(C, "passed"), [*to_all(Commit(2)), wake(9.0)], Phase.COMMITTING),
    (Phase.PROMOTING, (), says(B, "failed", WORSE), RETURNED, Phase.RETURNING),
    (Phase.PROMOTING, (says(B, "passed"),), LATE, [*to_all(Commit(2)), wake(9.0)], Phase.COMMITTING),
    (Phase.COMMITTING, (), says(A, "committed"), [], Phase.COMMITTING),
    (
        Phase.COMMITTING,
        (says(A, "committed"), says(B, "committed")),
        says(C, "committed"),
        [Tell(RolledOut(2, True, ""))],
        Phase.OVER,
    ),
    (Phase.COMMITTING, (), LATE, [Tell(RolledOut(2, True, ""))], Phase.OVER),
    (Phase.RETURNING, (), says(A, "back"), [], Phase.RETURNING),
    (Phase.RETURNING, (says(A, "back"),), says(B, "failed", "again"), [], Phase.RETURNING),
    (
        Phase.RETURNING,
        (says(A, "back"), says(B, "back")),
        says(C, "back"),
        [Tell(RolledOut(2, False, f"a: {WORSE}"))],
        Phase.OVER,
    ),
    (Phase.RETURNING, (), LATE, [Tell(RolledOut(2, False, f"a: {WORSE}"))], Phase.OVER),
    (Phase.OVER, (), LATE, [], Phase.OVER),
    (Phase.OVER, (), says(A, "passed"), [], Phase.OVER),
]


@pytest.mark.parametrize("row", STEPS, ids=lambda row: f"{row[0].name} {type(row[2]).__name__}")
def test_each_step(row: tuple[Phase, tuple[Event, ...], Event, Sequence[Command], Phase]) -> None:
    phase, before, event, commands, after = row
    flow = at(phase)
    for earlier in before:
        flow.on(earlier, 0.0)
    assert list(flow.on(event, 9.0)) == list(commands)
    assert flow.phase is after


@pytest.mark.parametrize(
    "stray", [Done("?"), Failed("?", "why"), Heard(A, Present("a", 1, 0, 0)), Told(Ringed(1, "", ()))]
)
@pytest.mark.parametrize("phase", [phase for phase in PATHS if phase is not Phase.OVER])
def test_a_stray_event_changes_nothing_and_is_told(phase: Phase, stray: Event) -> None:
    flow = at(phase)
    before = deepcopy(flow)
    assert flow.on(stray, 9.0) == [Tell(Ignored("Rollout", "2", type(stray).__name__, phase.name))]
    assert flow == before


def test_a_release_ends_once_whatever_is_still_said() -> None:
    flow = at(Phase.OVER)
    before = deepcopy(flow)
    for event in (LATE, says(B, "failed", "late"), Done("?"), Failed("?", "why")):
        assert list(flow.on(event, 99.0)) == []
    assert flow == before


FOUR = tuple(NodeId(name) for name in ("n1", "n2", "n3", "n4"))
WHO = "otto as operator"


def ruled(*rules: Rule, phase: Phase | None = None) -> Rollout:
    """Over the rings (a), (n1 … n4); begun."""
    flow = Rollout(2, MANIFEST, ((A,), FOUR), rules=rules)
    flow.on(Began(), 0.0)
    assert phase is None or flow.phase is phase
    return flow


CANARY = Rule("canary", least=1, soak_s=30.0, patience_s=50.0)
REST = Rule("rest", shadow=False, least=2, error=0.1, patience_s=70.0)


def steer(act: str) -> Told:
    return Told(Steer(2, act, WHO))


def audited(act: str) -> Tell:
    return Tell(Audited(f"roll-out: {act}", "release 2", WHO))


def test_a_canary_in_the_shadow_answers_only_when_the_shadow_has_passed_and_is_then_watched() -> None:
    flow = Rollout(2, MANIFEST, ((A,), FOUR), rules=(CANARY, REST))
    shadow = Send(A, Offer(2, MANIFEST, live=False))
    assert list(flow.on(Began(), 0.0)) == [shadow, Tell(Ringed(2, "shadow", (A,))), Wake("late", 50.0)]
    assert flow.on(says(A, "shadow"), 1.0) == []
    live = [Send(A, Promote(2)), Tell(Ringed(2, "canary", (A,))), Wake("late", 52.0)]
    assert list(flow.on(says(A, "passed"), 2.0)) == live and flow.phase.name == "JUDGING"
    soak = [Tell(Ringed(2, "soak", (A,))), Wake("soaked", 33.0)]
    assert list(flow.on(says(A, "passed"), 3.0)) == soak and flow.phase.name == "SOAKING"
    assert flow.on(LATE, 52.0) == []
    offers = [Send(node, Offer(2, MANIFEST, live=True)) for node in FOUR]
    assert list(flow.on(Woke("soaked"), 33.0)) == [*offers, Tell(Ringed(2, "ring", FOUR)), Wake("late", 103.0)]


def promoting() -> Rollout:
    flow = ruled(CANARY, REST)
    for event in (says(A, "passed"), says(A, "passed"), Woke("soaked")):
        flow.on(event, 1.0)
    assert flow.phase is Phase.PROMOTING
    return flow


def test_a_ring_needs_so_many_and_what_is_late_catches_up() -> None:
    flow = promoting()
    assert flow.on(says(FOUR[0], "passed"), 2.0) == []
    commits = [Send(node, Commit(2)) for node in (A, *FOUR)]
    assert list(flow.on(says(FOUR[1], "passed"), 3.0)) == [*commits, Wake("late", 73.0)]


def test_a_site_that_failed_is_let_be_while_the_share_is_not_surely_too_large() -> None:
    flow = promoting()
    assert flow.on(says(FOUR[0], "failed", WORSE), 2.0) == []
    assert flow.on(says(FOUR[0], "back"), 2.1) == [] and flow.states[FOUR[0]] == "failed"
    flow.on(says(FOUR[1], "passed"), 3.0)
    (last, *words) = flow.on(says(FOUR[2], "passed"), 4.0)
    assert last == Send(A, Commit(2)) and words[0] == Send(FOUR[0], Back(2, "it failed here"))
    for node in (A, *FOUR[1:3]):
        flow.on(says(node, "committed"), 5.0)
    assert flow.phase is Phase.COMMITTING
    assert flow.on(says(FOUR[3], "back"), 6.0) == [Tell(RolledOut(2, True, ""))] and flow.kept  # it refused the commit


def test_failures_that_are_surely_too_many_take_it_back_from_everybody() -> None:
    flow = promoting()
    for node in FOUR[:1]:
        assert flow.on(says(node, "failed", WORSE), 2.0) == []
    back = flow.on(says(FOUR[1], "failed", WORSE), 3.0)
    assert [one.to for one in back if isinstance(one, Send)] == [A, *FOUR] and flow.phase is Phase.RETURNING
    assert flow.why == f"n2: {WORSE} (2 of 2 that reported failed, 0.1 of them may)"


def test_too_few_at_the_deadline_take_it_back() -> None:
    flow = promoting()
    flow.on(says(FOUR[0], "passed"), 2.0)
    flow.on(LATE, 71.0)
    assert flow.phase is Phase.RETURNING and flow.why.startswith("no verdict from ring rest within 70 s")


def test_a_paused_one_stands_still_hears_failures_and_goes_on_with_its_whole_time() -> None:
    flow = promoting()
    assert flow.on(steer("pause"), 2.0) == [audited("pause"), Tell(Ringed(2, "paused", ()))]
    assert list(flow.on(steer("pause"), 2.0)) == [Tell(Ignored("Rollout", "2", "pause", "PROMOTING"))]
    for event in (says(FOUR[0], "passed"), says(FOUR[1], "passed"), LATE):
        assert flow.on(event, 80.0) == []
    audit, told, wake, *commits = flow.on(steer("resume"), 90.0)
    assert (audit, told) == (audited("resume"), Tell(Ringed(2, "resumed", ()))) and wake == Wake("late", 160.0)
    assert commits[0] == Send(A, Commit(2))
    other = promoting()
    other.on(steer("pause"), 2.0)
    for node in FOUR[:2]:
        other.on(says(node, "failed", WORSE), 3.0)
    assert other.phase is Phase.RETURNING


def test_a_pause_outlives_the_soak() -> None:
    flow = ruled(CANARY, REST)
    for event in (says(A, "passed"), says(A, "passed"), steer("pause")):
        flow.on(event, 1.0)
    assert flow.phase.name == "SOAKING" and flow.on(Woke("soaked"), 31.0) == []
    assert Wake("soaked", 70.0) in flow.on(steer("resume"), 40.0)
    assert flow.on(Woke("soaked"), 70.0) and flow.phase.name == "PROMOTING"


@pytest.mark.parametrize("phase", [Phase.JUDGING, Phase.PROMOTING])
def test_an_abort_takes_it_back_from_everybody(phase: Phase) -> None:
    flow = at(phase)
    first, *rest = flow.on(steer("abort"), 9.0)
    assert first == audited("abort") and rest[:3] == to_all(Back(2, f"aborted by {WHO}"))
    assert flow.phase is Phase.RETURNING


@pytest.mark.parametrize("act", ["pause", "resume", "abort"])
@pytest.mark.parametrize("phase", [Phase.COMMITTING, Phase.RETURNING])
def test_it_is_too_late_to_steer(phase: Phase, act: str) -> None:
    flow = at(phase)
    before = deepcopy(flow)
    assert [type(one.body) for one in flow.on(steer(act), 9.0) if isinstance(one, Tell)] == [Ignored]
    assert flow == before


def test_a_release_comes_again_under_a_new_number_tried_or_not() -> None:
    work = Reissue(5, 1, "release 1 again, by olga")
    new = Reissued(5, MANIFEST)
    for trial in (True, False):
        flow = Revert(5, 1, "olga", ((A,),), rules=(CANARY,), trial=trial)
        assert flow.on(Began(), 0.0) == [Do("sign", work)]
        rules = (CANARY if trial else replace(CANARY, shadow=False),)
        rollout = Rollout(5, MANIFEST, ((A,),), rules=rules, trial=trial)
        assert flow.on(Done("sign", new), 1.0) == [Start(rollout)] and flow.phase.name == "OVER"
    failed = Revert(5, 1, "olga", ((A,),))
    failed.on(Began(), 0.0)
    assert failed.on(Failed("sign", "no release 1"), 1.0) == [Tell(RolledOut(5, False, "no release 1"))]
