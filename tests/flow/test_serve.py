"""Serving, event by event: who answers, who is asked, and what happens when nobody comes back."""

from __future__ import annotations

import pytest

from ganglion.core.facts import Answered, Arrived, Hard, Seen
from ganglion.core.fleet import NodeId
from ganglion.core.label import Form, Label, Tier, Zone
from ganglion.core.process import Command, Do, Done, Failed, Heard, Linked, Send, Tell, Told, Wake, Woke
from ganglion.core.ref import Ref
from ganglion.core.sample import Answer, Sample
from ganglion.flow.serve.messages import Ask, Attend, Mirror, Ran, Reply, Run
from ganglion.flow.serve.node import ATTEND, ATTEND_S, GRACE_S, MIRROR_S, Serve

EDGE, CLOUD, DEVICE = NodeId("edge"), NodeId("cloud"), NodeId("d")


def ref(tier: Tier) -> Ref:
    return Ref("~d/x", 64, Label(tier, Form.RAW))


def device() -> Serve:
    flow = Serve(DEVICE, Zone.DEVICE, EDGE, Zone.EDGE, ())
    flow.on(Linked(EDGE, True), 0.0)
    return flow


def arrive(flow: Serve, tier: Tier = Tier.PUBLIC, id: str = "d/s/1") -> None:
    flow.on(Told(Arrived(Sample(id, ref(tier), 0.0))), 0.0)


def told(commands: list[Command] | tuple[Command, ...], kind: type) -> list[object]:
    return [command.body for command in commands if isinstance(command, Tell) and isinstance(command.body, kind)]


def ran(leave: int, tier: Tier = Tier.PUBLIC, confidence: float = 0.6) -> Ran:
    return Ran(3, (0,), (7,), (confidence,), leave, ref(tier) if leave < 0 else None, 0)


def test_a_sure_exit_answers_where_it_is() -> None:
    flow = device()
    arrive(flow)
    (answered,) = told(list(flow.on(Done("d/s/1", ran(0, confidence=0.99)), 0.002)), Answered)
    assert answered == Answered(Answer("d/s/1", 7, 0.99, 0, Zone.DEVICE, 3, Tier.PUBLIC), 0.002, 0.99, ref(Tier.PUBLIC))
    assert flow.open == {}


def test_an_unsure_exit_asks_farther_with_what_is_left_of_the_deadline() -> None:
    flow = device()
    arrive(flow)
    (send,) = flow.on(Done("d/s/1", ran(-1)), 0.25)
    assert isinstance(send, Send) and isinstance(send.body, Ask)
    assert (send.to, send.body.left_s, send.attach) == (EDGE, 0.75, (ref(Tier.PUBLIC),))
    answer = Answer("d/s/1", 4, 0.9, 2, Zone.EDGE, 3, Tier.PUBLIC)
    (answered,) = told(list(flow.on(Heard(EDGE, Reply(answer)), 0.3)), Answered)
    assert isinstance(answered, Answered) and answered.answer == answer and answered.first_confidence == 0.6


@pytest.mark.parametrize("zone, tier", [(Zone.DEVICE, Tier.USER), (Zone.EDGE, Tier.EDGE)])
def test_a_tier_that_may_go_no_farther_is_answered_here_and_not_called_degraded(zone: Zone, tier: Tier) -> None:
    parent, above = (EDGE, Zone.EDGE) if zone is Zone.DEVICE else (CLOUD, Zone.CLOUD)
    flow = Serve(DEVICE, zone, parent, above, ())
    flow.on(Linked(parent, True), 0.0)
    arrive(flow, tier)
    commands = flow.on(Done("d/s/1", ran(-1, tier)), 0.01)
    assert not any(isinstance(command, Send) for command in commands)
    (answered,) = told(list(commands), Answered)
    assert isinstance(answered, Answered) and answered.answer.y == 7 and not answered.answer.degraded


@pytest.mark.parametrize(
    "trouble",
    [Woke("d/s/1"), Failed("d/s/1", "no link"), Linked(EDGE, False)],
    ids=["deadline", "undeliverable", "link lost"],
)
def test_trouble_on_the_way_gives_the_local_answer_marked_degraded_and_keeps_the_sample(trouble: object) -> None:
    flow = device()
    arrive(flow)
    flow.on(Done("d/s/1", ran(-1)), 0.01)
    commands = list(flow.on(trouble, 0.8))  # type: ignore[arg-type]
    (answered,) = told(commands, Answered)
    assert isinstance(answered, Answered) and answered.answer.degraded and answered.answer.y == 7
    assert told(commands, Hard) == [Hard("d/s/1", ref(Tier.PUBLIC))]
    late = flow.on(Heard(EDGE, Reply(Answer("d/s/1", 4, 0.9, 2, Zone.EDGE, 3, Tier.PUBLIC))), 0.9)
    assert told(list(late), Answered) == []  # nobody is answered twice


@pytest.mark.parametrize("trouble", [Woke("d/s/1"), Failed("d/s/1", "no"), Linked(EDGE, False)], ids=str)
def test_where_nothing_ran_here_trouble_makes_this_node_answer_alone(trouble: object) -> None:
    flow = device()
    arrive(flow)
    (send,) = flow.on(Done("d/s/1", Ran(3, (), (), (), -1, ref(Tier.PUBLIC), 0)), 0.0)
    assert isinstance(send, Send)
    wake, do = flow.on(trouble, 1.0)  # type: ignore[arg-type]
    assert wake == Wake("d/s/1", 1.0 + GRACE_S)
    assert do == Do("d/s/1", Run(ref(Tier.PUBLIC), 0, 3, "", Zone.DEVICE, alone=True))
    (answered,) = told(list(flow.on(Done("d/s/1", ran(-1)), 1.1)), Answered)
    assert isinstance(answered, Answered) and answered.answer.y == 7 and answered.answer.degraded


def test_a_node_that_cannot_answer_alone_either_says_so_once() -> None:
    flow = device()
    arrive(flow)
    flow.on(Woke("d/s/1"), 1.0)
    (answered,) = told(list(flow.on(Woke("d/s/1"), 1.5)), Answered)
    assert isinstance(answered, Answered) and answered.answer.y == -1 and answered.answer.degraded
    assert flow.open == {}


def test_a_baseline_has_nothing_to_fall_back_to() -> None:
    flow = device()
    flow.on(Told(Arrived(Sample("d/s/1", ref(Tier.PUBLIC), 0.0), "cloud-only")), 0.0)
    (answered,) = told(list(flow.on(Woke("d/s/1"), 1.0)), Answered)
    assert isinstance(answered, Answered) and answered.answer.y == -1


def test_an_edge_answers_its_asker_and_shows_the_sample_to_its_site() -> None:
    flow = Serve(EDGE, Zone.EDGE, CLOUD, Zone.CLOUD, (DEVICE,))
    commands = list(flow.on(Heard(DEVICE, Ask("d/s/1", ref(Tier.EDGE), 0, 3, "", 0.5)), 10.0))
    assert told(commands, Seen) == [Seen("d/s/1", ref(Tier.EDGE))]
    (work,) = [command for command in commands if isinstance(command, Do)]
    assert work.work == Run(ref(Tier.EDGE), 0, 3, "", Zone.EDGE)
    back = flow.on(Done("d/s/1", Ran(3, (0, 1), (7, 8), (0.5, 0.97), 1, None, 0)), 10.1)
    (send,) = [command for command in back if isinstance(command, Send)]
    assert send.to == DEVICE and send.body == Reply(Answer("d/s/1", 8, 0.97, 1, Zone.EDGE, 3, Tier.EDGE))


def test_mirroring_shows_the_edge_what_the_device_answered_itself_but_never_a_private_sample() -> None:
    flow = device()
    flow.on(Heard(EDGE, Attend(True)), 0.0)
    for tier, sends in ((Tier.EDGE, 1), (Tier.USER, 0)):
        arrive(flow, tier)
        commands = flow.on(Done("d/s/1", ran(0, tier)), 0.01)
        assert sum(isinstance(command, Send) and isinstance(command.body, Mirror) for command in commands) == sends


def test_devices_mirror_as_long_as_anybody_wants_it() -> None:
    flow = Serve(EDGE, Zone.EDGE, CLOUD, Zone.CLOUD, (DEVICE,))
    wishes = [Attend(True, "trial"), Attend(True, "adapt"), Attend(False, "trial"), Attend(False, "adapt")]
    sent = [flow.on(Told(wish), 0.0)[0] for wish in wishes]
    assert [command.body.mirror for command in sent if isinstance(command, Send)] == [True, True, True, False]


def test_a_wish_to_mirror_is_said_again_for_it_may_be_lost_and_ends_by_itself_for_its_end_may_be_lost() -> None:
    edge = Serve(EDGE, Zone.EDGE, CLOUD, Zone.CLOUD, (DEVICE,))
    said = edge.on(Told(Attend(True, "trial")), 0.0)
    assert said == [Send(DEVICE, Attend(True)), Wake(ATTEND, ATTEND_S)]
    assert edge.on(Woke(ATTEND), ATTEND_S) == [Send(DEVICE, Attend(True)), Wake(ATTEND, 2 * ATTEND_S)]
    edge.on(Told(Attend(False, "trial")), 3.0)
    assert edge.on(Woke(ATTEND), 2 * ATTEND_S) == []
    flow = device()
    flow.on(Heard(EDGE, Attend(True)), 0.0)
    for now_s, mirrors in ((MIRROR_S - 1.0, 1), (MIRROR_S + 1.0, 0)):
        arrive(flow)
        commands = flow.on(Done("d/s/1", ran(0)), now_s)
        assert sum(isinstance(command, Send) and isinstance(command.body, Mirror) for command in commands) == mirrors
