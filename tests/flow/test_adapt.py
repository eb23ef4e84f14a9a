"""From an alarm to an offered candidate on an edge, and from a candidate to a job in the cloud, event by event."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple

import pytest

from ganglion.core.facts import Activated, Audited, Drifted, Fetched, Pushed
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_RAW, PUBLIC_UPDATE, Form, Label, Tier
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
from ganglion.core.update import Counted, Statistic
from ganglion.flow.adapt import cloud, edge
from ganglion.flow.adapt.cloud import Improve
from ganglion.flow.adapt.edge import RETRY_S, WHY, Adapt
from ganglion.flow.adapt.messages import (
    Apply,
    Candidate,
    Improved,
    Labelling,
    Learn,
    LearntLocally,
    Material,
    Materials,
    Protect,
    Protected,
    Withheld,
)
from ganglion.flow.fetch.client import Fetch, Give
from ganglion.flow.job.cloud import Job
from ganglion.flow.job.messages import Order
from ganglion.flow.keep.messages import Gather, Gathered
from ganglion.flow.presence.messages import Beat, Present
from ganglion.flow.round.messages import RoundOver, Weights
from ganglion.flow.round.server import Round
from ganglion.flow.serve.messages import Attend
from ganglion.flow.watch.messages import Alarm

CLOUD, SITE, DEVICE = NodeId("cloud"), NodeId("edge"), NodeId("device")
WANTED = 300
WEIGHTS, REPLAY = Ref("weights", 9, PUBLIC_UPDATE), Ref("replay", 9, PUBLIC_RAW)
DATA = Ref("data", 9, Label(Tier.EDGE, Form.RAW))
PRIVATE = Counted(Ref("delta", 9, Label(Tier.EDGE, Form.UPDATE)), 240.0)
DERIVED = Counted(Ref("noisy delta", 9, Label(Tier.DERIVED, Form.UPDATE)), 240.0)
ALARM = Heard(DEVICE, Alarm(Statistic(int(Tier.EDGE), 41, ())))
IMPROVED = Improved(PRIVATE, 300, 0.02, 0.95, int(Tier.EDGE))
LABELLED = Done("labels", Gathered(300, DATA))
MATERIAL = Done("material", Materials(1, WEIGHTS, REPLAY))
LEARNT, PROTECTED = Done("learn", IMPROVED), Done("protect", Protected(DERIVED, "noise", 2.5, 1e-5))
PATHS: dict[edge.Phase, tuple[Event, ...]] = {
    edge.Phase.WATCHING: (),
    edge.Phase.LABELLING: (ALARM,),
    edge.Phase.FETCHING: (ALARM, LABELLED, MATERIAL),
    edge.Phase.LEARNING: (ALARM, LABELLED, MATERIAL, Told(Fetched(WEIGHTS)), Told(Fetched(REPLAY))),
}
PATHS[edge.Phase.PROTECTING] = (*PATHS[edge.Phase.LEARNING], LEARNT)
PATHS[edge.Phase.PUSHING] = (*PATHS[edge.Phase.PROTECTING], PROTECTED)
PATHS[edge.Phase.OFFERED] = (*PATHS[edge.Phase.PUSHING], Told(Pushed(DERIVED.delta)))


def at(phase: edge.Phase) -> Adapt:
    flow = Adapt(SITE, CLOUD, WANTED)
    for event in PATHS[phase]:
        flow.on(event, 5.0)
    assert flow.phase is phase
    return flow


class Step(NamedTuple):
    """In a phase, one event: what is asked for, and where it leads."""

    phase: edge.Phase
    event: Event
    commands: Sequence[Command]
    after: edge.Phase


P = edge.Phase
RETRY = Wake("retry", 9.0 + RETRY_S)
FETCHES: list[Command] = [Start(Fetch(WEIGHTS, CLOUD)), Start(Fetch(REPLAY, CLOUD)), RETRY]
GIVE: list[Command] = [Start(Give(DERIVED.delta, CLOUD)), RETRY]
WITHHELD: list[Command] = [Tell(Withheld(SITE, "no declassifier")), Tell(Attend(False, WHY))]
EVIDENCE = Statistic(int(Tier.EDGE), 300, (("before", 0.02), ("after", 0.95)))
STEPS = [
    Step(P.WATCHING, Began(), [], P.WATCHING),
    Step(
        P.WATCHING,
        ALARM,
        [Tell(Drifted(SITE, SITE, 41)), Tell(Attend(True, WHY)), Wake("labels", 10.0)],
        P.LABELLING,
    ),
    Step(P.LABELLING, Woke("labels"), [Do("labels", Gather(5.0, 9.0, WANTED))], P.LABELLING),
    Step(
        P.LABELLING,
        Done("labels", Gathered(120, None)),
        [Tell(Labelling(SITE, 120, WANTED)), Wake("labels", 10.0)],
        P.LABELLING,
    ),
    Step(
        P.LABELLING,
        LABELLED,
        [Tell(Labelling(SITE, 300, WANTED)), Tell(Attend(False, WHY)), Do("material", Material())],
        P.FETCHING,
    ),
    Step(P.LABELLING, Failed("labels", "no declassifier"), WITHHELD, P.WATCHING),
    Step(P.FETCHING, MATERIAL, FETCHES, P.FETCHING),
    Step(P.FETCHING, Woke("retry"), FETCHES, P.FETCHING),
    Step(P.FETCHING, Told(Fetched(REPLAY)), [], P.FETCHING),
    Step(P.FETCHING, Failed("material", "no declassifier"), WITHHELD, P.WATCHING),
    Step(
        P.LEARNING,
        LEARNT,
        [
            Tell(LearntLocally(SITE, 300, 0.02, 0.95)),
            Do("protect", Protect(PRIVATE, "candidate of edge after drift")),
        ],
        P.PROTECTING,
    ),
    Step(P.LEARNING, Failed("learn", "no declassifier"), WITHHELD, P.WATCHING),
    Step(
        P.PROTECTING,
        PROTECTED,
        [Tell(Audited("declassify", "noisy delta", "noise", 2.5, 1e-5)), *GIVE],
        P.PUSHING,
    ),
    Step(P.PROTECTING, Failed("protect", "no declassifier", refused=True), WITHHELD, P.WATCHING),
    Step(P.PUSHING, Woke("retry"), GIVE, P.PUSHING),
    Step(P.PUSHING, Told(Pushed(WEIGHTS)), [], P.PUSHING),
    Step(
        P.PUSHING,
        Told(Pushed(DERIVED.delta)),
        [Send(CLOUD, Candidate("edge", 1, DERIVED, EVIDENCE))],
        P.OFFERED,
    ),
    Step(P.OFFERED, Told(Activated(2, 1)), [], P.WATCHING),
    Step(P.WATCHING, Told(Activated(2, 1)), [], P.WATCHING),
    Step(P.OFFERED, Told(Fetched(REPLAY)), [], P.OFFERED),
]


@pytest.mark.parametrize(
    "step", STEPS, ids=lambda s: f"{s.phase.name} {type(getattr(s.event, 'body', s.event)).__name__}"
)
def test_each_step_on_the_edge(step: Step) -> None:
    flow = at(step.phase)
    assert list(flow.on(step.event, 9.0)) == list(step.commands)
    assert flow.phase is step.after


def test_it_learns_when_the_last_of_what_it_needs_is_there() -> None:
    flow = at(P.FETCHING)
    assert list(flow.on(Told(Fetched(REPLAY)), 9.0)) == []
    assert flow.on(Told(Fetched(WEIGHTS)), 9.0) == [Do("learn", Learn(WEIGHTS, (DATA,), REPLAY, 1))]
    assert flow.phase is P.LEARNING


def test_what_was_made_from_private_data_is_never_sent_or_pushed_itself() -> None:
    flow, asked = Adapt(SITE, CLOUD, WANTED), list[Command]()
    for event in PATHS[P.OFFERED]:
        asked += flow.on(event, 5.0)
    moved = [one.flow.ref for one in asked if isinstance(one, Start) and isinstance(one.flow, Give)]
    sent = [one.body.update.delta for one in asked if isinstance(one, Send) and isinstance(one.body, Candidate)]
    assert moved == sent == [DERIVED.delta]


EDGE_STRAY = [Done("?"), Heard(DEVICE, Beat("d", 0, 0, 0, 0.0)), Told(Present("d", 0, 0, 0)), Woke("?")]


@pytest.mark.parametrize("stray", EDGE_STRAY, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("phase", PATHS)
def test_a_stray_event_changes_nothing_on_the_edge_and_is_told(phase: edge.Phase, stray: Event) -> None:
    flow = at(phase)
    before = deepcopy(flow)
    assert flow.on(stray, 9.0) == [Tell(Ignored("Adapt", "", type(stray).__name__, phase.name))]
    assert flow == before


@pytest.mark.parametrize("phase", [phase for phase in PATHS if phase is not P.WATCHING])
def test_a_second_alarm_begins_nothing_while_one_is_answered(phase: edge.Phase) -> None:
    flow = at(phase)
    before = deepcopy(flow)
    assert flow.on(ALARM, 9.0) == [Tell(Ignored("Adapt", "", "Heard", phase.name))]
    assert flow == before


RINGS = ((SITE,), (NodeId("other"),))
COHORT = (SITE, NodeId("other"))
CANDIDATE = Heard(SITE, Candidate("edge", 1, DERIVED, EVIDENCE))
BASE, MODEL = Ref("base", 9, PUBLIC_UPDATE), Ref("model", 9, PUBLIC_UPDATE)
C = cloud.Phase
CLOUD_PATHS: dict[cloud.Phase, tuple[Event, ...]] = {
    C.NEW: (),
    C.APPLYING: (CANDIDATE,),
    C.TOGETHER: (CANDIDATE, Done("apply", Weights(BASE))),
}


def improve(phase: cloud.Phase) -> Improve:
    flow = Improve("edge", 1, 2, COHORT, 120.0, RINGS)
    for event in (Began(), *CLOUD_PATHS[phase]):
        flow.on(event, 5.0)
    assert flow.phase is phase
    return flow


def job(weights: Ref) -> list[Command]:
    return [Start(Job(2, Order("drift at edge", weights=weights, parent=1), RINGS))]


CLOUD_STEPS: list[tuple[cloud.Phase, Event, Sequence[Command], cloud.Phase]] = [
    (C.NEW, Began(), [], C.NEW),
    (C.NEW, CANDIDATE, [Do("apply", Apply(1, DERIVED))], C.APPLYING),
    (C.APPLYING, Done("apply", Weights(BASE)), [Start(Round(2, BASE, COHORT, 1, 120.0))], C.TOGETHER),
    (C.APPLYING, Failed("apply", "corrupt"), [Tell(Withheld("edge", "corrupt"))], C.OVER),
    (C.TOGETHER, Told(RoundOver(2, MODEL, COHORT)), job(MODEL), C.OVER),
    (C.TOGETHER, Told(RoundOver(2, None, (), "too few")), job(BASE), C.OVER),
    (C.TOGETHER, Told(RoundOver(7, MODEL, COHORT)), [], C.TOGETHER),
]


@pytest.mark.parametrize(
    ("phase", "event", "commands", "after"),
    CLOUD_STEPS,
    ids=[f"{row[0].name} {type(getattr(row[1], 'body', row[1])).__name__}" for row in CLOUD_STEPS],
)
def test_each_step_in_the_cloud(
    phase: cloud.Phase, event: Event, commands: Sequence[Command], after: cloud.Phase
) -> None:
    flow = improve(phase)
    assert list(flow.on(event, 9.0)) == list(commands)
    assert flow.phase is after


@pytest.mark.parametrize("stray", [Done("?"), Heard(SITE, Beat("d", 0, 0, 0, 0.0)), Woke("?")], ids=repr)
@pytest.mark.parametrize("phase", CLOUD_PATHS)
def test_a_stray_event_changes_nothing_in_the_cloud_and_is_told(phase: cloud.Phase, stray: Event) -> None:
    flow = improve(phase)
    before = deepcopy(flow)
    assert flow.on(stray, 9.0) == [Tell(Ignored("Improve", "edge-1", type(stray).__name__, phase.name))]
    assert flow == before
