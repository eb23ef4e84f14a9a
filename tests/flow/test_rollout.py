"""A roll-out in the cloud, event by event: who is offered, promoted, committed, and what brings a release back."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import pytest

from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.process import Began, Command, Done, Event, Failed, Heard, Ignored, Send, Tell, Told, Wake, Woke
from ganglion.core.ref import Ref
from ganglion.flow.presence.messages import Present
from ganglion.flow.rollout.cloud import Phase, Rollout
from ganglion.flow.rollout.messages import Back, Commit, Offer, Promote, Report, Ringed, RolledOut

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
