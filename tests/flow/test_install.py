"""Taking a release, event by event: fetched, verified, tried, switched, committed, or given back."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import pytest

from ganglion.core.facts import Activated, Fetched, Restarted
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE, Zone
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
    Linked,
    Send,
    Start,
    Tell,
    Told,
    Wake,
    Woke,
)
from ganglion.core.ref import Ref
from ganglion.core.update import Statistic
from ganglion.flow.fetch.client import Fetch
from ganglion.flow.install.messages import Activate, Active, Inspect, Installed, Needs, Verified, Verify
from ganglion.flow.install.node import RETRY_S, Install, Phase
from ganglion.flow.presence.messages import Beat
from ganglion.flow.rollout.messages import Back, Commit, Offer, Promote, Report
from ganglion.flow.trial.edge import Trial
from ganglion.flow.trial.messages import Verdict

CLOUD, EDGE, DEVICE, STRANGER = (NodeId(name) for name in ("cloud", "edge", "device", "stranger"))
ONE, TWO, PART = (Ref(name, 9, PUBLIC_UPDATE) for name in ("manifest 1", "manifest 2", "part"))
INPUTS = 150
EVIDENCE = (Statistic(0, 200, (("disagreed", 9.0),)),)
GOOD = Told(Verdict(2, True, "passed: few differ", EVIDENCE))
BAD = Told(Verdict(2, False, "worse: many differ", EVIDENCE))
OFFER, SHADOW_OFFER = Heard(CLOUD, Offer(2, TWO, live=True)), Heard(CLOUD, Offer(2, TWO, live=False))
INSPECTED = Done("inspect", Needs(2, (PART,)))
VERIFIED, ACTIVE = Done("verify", Verified(2)), Done("activate", Active(2))
FETCH: tuple[Event, ...] = (Told(Fetched(TWO)), INSPECTED, Told(Fetched(PART)))
PATHS: dict[Phase, tuple[Event, ...]] = {  # how an edge that answers with release 1 gets there
    Phase.IDLE: (),
    Phase.FETCHING: (OFFER,),
    Phase.VERIFYING: (OFFER, *FETCH),
    Phase.SHADOW: (SHADOW_OFFER, *FETCH, VERIFIED),
    Phase.SWITCHING: (OFFER, *FETCH, VERIFIED),
    Phase.PROBATION: (OFFER, *FETCH, VERIFIED, ACTIVE),
    Phase.RETURNING: (OFFER, *FETCH, VERIFIED, ACTIVE, Heard(CLOUD, Back(2, "worse"))),
}


def edge() -> Install:
    """An edge with one device; release 1 is committed there."""
    return Install(EDGE, CLOUD, int(Zone.EDGE), (DEVICE,), INPUTS, current=1, manifest=ONE, before=0, floor=1, trying=1)


def at(phase: Phase) -> Install:
    flow = edge()
    for event in PATHS[phase]:
        flow.on(event, 0.0)
    assert flow.phase is phase
    return flow


def up(state: str, why: str = "", counter: int = 2, evidence: tuple[Statistic, ...] = ()) -> Send:
    return Send(CLOUD, Report(counter, state, why, evidence))


def below(state: str, why: str = "") -> Heard:
    return Heard(DEVICE, Report(2, state, why))


def fetch(ref: Ref) -> list[Command]:
    return [Start(Fetch(ref, CLOUD)), Wake("retry", 9.0 + RETRY_S)]


class Step(NamedTuple):
    """In a phase, after some events, one more: what is asked for, and where it leads."""

    phase: Phase
    event: Event
    commands: Sequence[Command]
    after: Phase
    before: tuple[Event, ...] = ()


TRIAL: list[Command] = [Start(Trial(2, 1, INPUTS)), Wake("trial", 9.0 + RETRY_S)]
LIVE: list[Command] = [
    Tell(Activated(2, 1)),
    Tell(Installed(2, "live")),
    up("live"),
    Send(DEVICE, Offer(2, TWO, live=True)),
]
COMMITTED: list[Command] = [Send(DEVICE, Commit(2)), Tell(Installed(2, "committed")), up("committed")]
BACK = Send(DEVICE, Back(2, "worse"))
GATE = "golden gate: outputs differ"
CRASH = Told(Restarted())


def going_back(why: str) -> list[Command]:
    return [Send(DEVICE, Back(2, why)), Do("return", Activate(1, ONE))]


STEPS = [
    Step(Phase.IDLE, Began(), [], Phase.IDLE),
    Step(Phase.IDLE, OFFER, fetch(TWO), Phase.FETCHING),
    Step(Phase.IDLE, Heard(CLOUD, Offer(1, ONE, True)), [up("live", counter=1)], Phase.IDLE),
    Step(
        Phase.IDLE,
        Heard(CLOUD, Offer(1, TWO, True)),
        [up("failed", "release 1 is not above the floor 2", 1)],
        Phase.IDLE,
        (*PATHS[Phase.PROBATION], Heard(CLOUD, Commit(2))),
    ),
    Step(Phase.IDLE, Heard(CLOUD, Back(2, "worse")), [up("back")], Phase.IDLE),
    Step(Phase.FETCHING, OFFER, [], Phase.FETCHING),
    Step(Phase.FETCHING, Told(Fetched(TWO)), [Do("inspect", Inspect(TWO, 2, 1))], Phase.FETCHING),
    Step(Phase.FETCHING, INSPECTED, fetch(PART), Phase.FETCHING, FETCH[:1]),
    Step(
        Phase.FETCHING,
        Done("inspect", Needs(2, ())),
        [Do("verify", Verify(TWO, int(Zone.EDGE)))],
        Phase.VERIFYING,
        FETCH[:1],
    ),
    Step(Phase.FETCHING, Told(Fetched(PART)), [Do("verify", Verify(TWO, int(Zone.EDGE)))], Phase.VERIFYING, FETCH[:2]),
    Step(Phase.FETCHING, Told(Fetched(ONE)), [], Phase.FETCHING),
    Step(Phase.FETCHING, Woke("retry"), fetch(TWO), Phase.FETCHING),
    Step(
        Phase.FETCHING,
        Failed("inspect", GATE),
        [Tell(Installed(2, "failed", GATE)), up("failed", GATE)],
        Phase.IDLE,
        FETCH[:1],
    ),
    Step(Phase.VERIFYING, VERIFIED, [Do("activate", Activate(2, TWO))], Phase.SWITCHING),
    Step(Phase.VERIFYING, Failed("verify", GATE), [Tell(Installed(2, "failed", GATE)), up("failed", GATE)], Phase.IDLE),
    Step(Phase.VERIFYING, Woke("retry"), [], Phase.VERIFYING),
    Step(Phase.VERIFYING, Heard(CLOUD, Commit(2)), [], Phase.VERIFYING),
    Step(Phase.SHADOW, GOOD, [up("passed", evidence=EVIDENCE)], Phase.SHADOW),
    Step(Phase.SHADOW, BAD, [up("failed", "worse: many differ", evidence=EVIDENCE)], Phase.SHADOW),
    Step(Phase.SHADOW, Heard(CLOUD, Promote(2)), [Do("activate", Activate(2, TWO))], Phase.SWITCHING),
    Step(Phase.SHADOW, Heard(CLOUD, Commit(2)), [Do("activate", Activate(2, TWO))], Phase.SWITCHING),
    Step(Phase.SHADOW, Heard(CLOUD, Back(2, "worse")), [up("back")], Phase.IDLE),
    Step(Phase.SHADOW, Woke("trial"), TRIAL, Phase.SHADOW),
    Step(Phase.SHADOW, Woke("trial"), [], Phase.SHADOW, (GOOD,)),
    Step(Phase.SHADOW, Told(Verdict(7, False, "another's", ())), [], Phase.SHADOW),
    Step(Phase.SWITCHING, ACTIVE, [*LIVE, *TRIAL], Phase.PROBATION),
    Step(Phase.SWITCHING, ACTIVE, [*LIVE, *COMMITTED], Phase.IDLE, (Heard(CLOUD, Commit(2)),)),
    Step(
        Phase.SWITCHING,
        Heard(CLOUD, Back(2, "worse")),
        [BACK, Do("return", Activate(1, ONE))],
        Phase.RETURNING,
    ),
    Step(
        Phase.SWITCHING, Failed("activate", GATE), [Tell(Installed(2, "failed", GATE)), up("failed", GATE)], Phase.IDLE
    ),
    Step(Phase.PROBATION, GOOD, [], Phase.PROBATION),
    Step(Phase.PROBATION, below("live"), [], Phase.PROBATION),
    Step(Phase.PROBATION, below("live"), [up("passed", evidence=EVIDENCE)], Phase.PROBATION, (GOOD,)),
    Step(Phase.PROBATION, GOOD, [up("passed", evidence=EVIDENCE)], Phase.PROBATION, (below("live"),)),
    Step(
        Phase.PROBATION,
        BAD,
        [up("failed", "worse: many differ", evidence=EVIDENCE), *going_back("worse: many differ")],
        Phase.RETURNING,
    ),
    Step(
        Phase.PROBATION,
        below("failed", GATE),
        [up("failed", f"device: {GATE}"), *going_back(f"device: {GATE}")],
        Phase.RETURNING,
    ),
    Step(Phase.VERIFYING, CRASH, [], Phase.VERIFYING, (CRASH,)),
    Step(
        Phase.VERIFYING,
        CRASH,
        [
            Cancel("verify"),
            Tell(Installed(2, "failed", "3 crashes while it was verified")),
            up("failed", "3 crashes while it was verified"),
        ],
        Phase.IDLE,
        (CRASH, CRASH),
    ),
    Step(Phase.PROBATION, CRASH, [], Phase.PROBATION, (CRASH,)),
    Step(
        Phase.PROBATION,
        CRASH,
        [up("failed", "3 crashes on probation"), *going_back("3 crashes on probation")],
        Phase.RETURNING,
        (CRASH, CRASH),
    ),
    Step(Phase.RETURNING, Heard(CLOUD, Commit(2)), [up("back")], Phase.RETURNING),
    Step(Phase.PROBATION, Woke("trial"), TRIAL, Phase.PROBATION),
    Step(Phase.PROBATION, Heard(CLOUD, Commit(2)), COMMITTED, Phase.IDLE),
    Step(Phase.PROBATION, Heard(CLOUD, Back(2, "worse")), [BACK, Do("return", Activate(1, ONE))], Phase.RETURNING),
    *(
        Step(phase, Heard(CLOUD, Offer(3, PART, True)), [up("failed", "release 2 is being tried here", 3)], phase)
        for phase in PATHS
        if phase is not Phase.IDLE
    ),
    Step(
        Phase.RETURNING,
        Done("return", Active(1)),
        [Tell(Activated(1, 2)), Tell(Installed(2, "back")), up("back")],
        Phase.IDLE,
    ),
    Step(Phase.RETURNING, GOOD, [], Phase.RETURNING),
    Step(Phase.RETURNING, Woke("trial"), [], Phase.RETURNING),
]


@pytest.mark.parametrize(
    "step", STEPS, ids=lambda s: f"{s.phase.name} {type(getattr(s.event, 'body', s.event)).__name__}"
)
def test_each_step(step: Step) -> None:
    flow = edge() if step.before[:1] == (OFFER,) else at(step.phase)
    for event in step.before:
        flow.on(event, 0.0)
    assert list(flow.on(step.event, 9.0)) == list(step.commands)
    assert flow.phase is step.after


STRAY: list[Event] = [
    Done("?"),
    Heard(CLOUD, Beat("cloud", 0, 0, 0, 0.0)),
    Heard(STRANGER, Report(2, "failed", "not a child")),
    Heard(CLOUD, Promote(7)),
    Heard(CLOUD, Commit(7)),
    Linked(CLOUD, True),
]


@pytest.mark.parametrize("stray", STRAY, ids=lambda event: type(getattr(event, "body", event)).__name__)
@pytest.mark.parametrize("phase", PATHS)
def test_a_stray_event_changes_nothing_and_is_told(phase: Phase, stray: Event) -> None:
    flow = at(phase)
    before = deepcopy(flow)
    assert flow.on(stray, 9.0) == [Tell(Ignored("Install", "", type(stray).__name__, phase.name))]
    assert flow == before


def test_a_device_and_a_first_release_have_nothing_to_compare() -> None:
    flow = Install(DEVICE, EDGE, int(Zone.DEVICE), (), INPUTS)
    for event in (Heard(EDGE, Offer(1, ONE, True)), Told(Fetched(ONE)), Done("inspect", Needs(1, ()))):
        flow.on(event, 0.0)
    flow.on(Done("verify", Verified(1)), 0.0)
    assert flow.on(Done("activate", Active(1)), 9.0) == [
        Tell(Activated(1, 0)),
        Tell(Installed(1, "live")),
        Send(EDGE, Report(1, "live")),
    ]
    assert (flow.current, flow.before, flow.floor) == (1, 0, 0)


def test_the_floor_rises_with_a_commit_and_nothing_at_or_below_it_is_taken() -> None:
    flow = at(Phase.PROBATION)
    assert (flow.current, flow.before, flow.floor) == (2, 1, 1)
    flow.on(Heard(CLOUD, Commit(2)), 1.0)
    assert flow.floor == 2
    (refused,) = flow.on(Heard(CLOUD, Offer(1, ONE, True)), 2.0)
    assert refused == up("failed", "release 1 is not above the floor 2", 1) and flow.phase is Phase.IDLE


def test_back_after_the_commit_changes_nothing_here() -> None:
    flow = at(Phase.PROBATION)
    flow.on(Heard(CLOUD, Commit(2)), 1.0)
    flow.on(Heard(CLOUD, Back(2, "too late")), 2.0)
    assert (flow.phase, flow.current, flow.floor) == (Phase.IDLE, 2, 2)


def test_what_was_given_back_is_not_taken_again() -> None:
    flow = at(Phase.RETURNING)
    flow.on(Done("return", Active(1)), 1.0)
    assert (flow.phase, flow.current, flow.manifest, flow.floor) == (Phase.IDLE, 1, ONE, 1)
    assert list(flow.on(OFFER, 2.0)) == [] and flow.phase is Phase.IDLE
    assert list(flow.on(Heard(CLOUD, Offer(3, PART, True)), 9.0)) == fetch(PART)


def test_a_release_called_back_while_it_is_switched_to_does_not_stay() -> None:
    """The node may answer with it already, though it has not heard so itself."""
    flow = at(Phase.SWITCHING)
    (*_, undo) = flow.on(Heard(CLOUD, Back(2, "worse")), 1.0)
    assert undo == Do("return", Activate(1, ONE))
    (stray,) = flow.on(ACTIVE, 1.0)  # of the switch, too late
    assert isinstance(stray, Tell) and isinstance(stray.body, Ignored) and flow.phase is Phase.RETURNING
    assert list(flow.on(Done("return", Active(1)), 1.0))[-1] == up("back")
    assert (flow.phase, flow.current, flow.manifest, flow.floor) == (Phase.IDLE, 1, ONE, 1)


def test_going_back_is_tried_again_until_it_works() -> None:
    flow = at(Phase.RETURNING)
    told, wake = flow.on(Failed("return", "the disk is full"), 11.0)
    assert isinstance(told, Tell) and wake == Wake("return", 11.0 + RETRY_S)
    assert flow.on(Woke("return"), 21.0) == [Do("return", Activate(1, ONE))] and flow.phase is Phase.RETURNING
    flow.on(Done("return", Active(1)), 21.1)
    assert (flow.phase, flow.current) == (Phase.IDLE, 1)


def test_a_site_that_refused_is_not_talked_over_by_a_commit() -> None:
    flow = at(Phase.PROBATION)
    flow.on(BAD, 1.0)
    flow.on(Done("return", Active(1)), 1.0)
    assert list(flow.on(Heard(CLOUD, Commit(2)), 2.0)) == [up("back")]
    assert (flow.phase, flow.current, flow.floor) == (Phase.IDLE, 1, 1)


def test_what_an_owner_wants_back_is_not_tried() -> None:
    flow = edge()
    flow.on(Heard(CLOUD, Offer(2, TWO, live=True, trial=False)), 0.0)
    for event in (*FETCH, VERIFIED):
        flow.on(event, 0.0)
    assert list(flow.on(ACTIVE, 9.0)) == LIVE
    assert list(flow.on(below("live"), 9.0)) == [up("passed")]
