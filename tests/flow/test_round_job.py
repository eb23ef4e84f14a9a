"""A job's round at its server, event by event: who is waited for, who counts, who is late, who is refused."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
from ganglion.core.process import Began, Command, Do, Done, Failed, Heard, Lane, Send, Tell, Told, Wake, Woke
from ganglion.core.ref import Ref
from ganglion.core.update import Counted
from ganglion.flow.round.deadline import adaptive_s
from ganglion.flow.round.messages import (
    Abandon,
    Aggregate,
    Assign,
    Begun,
    Check,
    Checked,
    Declined,
    Late,
    Learnt,
    Rejected,
    Reply,
    RoundOver,
    Summed,
    Terms,
)
from ganglion.flow.round.server import Phase, Round

A, B, C = NodeId("a"), NodeId("b"), NodeId("c")
BASE, COPY = Ref("base", 9, PUBLIC_UPDATE), Ref("copy", 9, PUBLIC_UPDATE)
TERMS = Terms(7)
SUM = Counted(Ref("sum", 9, PUBLIC_UPDATE), 6.0)
JOB, NUMBER, PATIENCE_S = 7, 3, 60.0


def update(client: NodeId) -> Counted:
    return Counted(Ref(f"of {client}", 9, PUBLIC_UPDATE), 2.0)


def learnt(client: NodeId, number: int = NUMBER) -> Heard:
    return Heard(client, Learnt(number, update(client), JOB))


def good(client: NodeId) -> Done:
    return Done(f"check/{client}", Checked(""))


def made(terms: Terms = TERMS, quorum: int = 1, enough: int = 0) -> Round:
    """Begun at 100 s."""
    flow = Round(NUMBER, BASE, (A, B, C), quorum, PATIENCE_S, terms=terms, enough=enough, owing={C: 1})
    flow.on(Began(), 100.0)
    return flow


def add(*clients: NodeId) -> Do:
    return Do("add", Aggregate(NUMBER, BASE, tuple((client, update(client)) for client in clients), TERMS))


def answered(flow: Round, *clients: NodeId, at_s: float = 101.0) -> Sequence[Command]:
    """What the last of them leads to."""
    commands: Sequence[Command] = []
    for client in clients:
        flow.on(learnt(client), at_s)
        commands = flow.on(good(client), at_s)
    return commands


def test_it_asks_everybody_and_the_weights_travel_along() -> None:
    flow = Round(NUMBER, BASE, (A, B), 1, PATIENCE_S, terms=TERMS, copy=COPY)
    ask = Assign(NUMBER, COPY, TERMS, None, PATIENCE_S)
    asks = [Send(client, ask, Lane.TENSOR, attach=(COPY,)) for client in (A, B)]
    assert flow.on(Began(), 100.0) == [*asks, Wake("late", 160.0)]


def test_weights_too_large_for_a_message_are_named_in_it() -> None:
    flow = Round(NUMBER, BASE, (A,), 1, PATIENCE_S, terms=TERMS)
    assert flow.on(Began(), 0.0)[0] == Send(A, Assign(NUMBER, BASE, TERMS, None, PATIENCE_S))


def test_an_update_counts_once_it_was_looked_at() -> None:
    flow = made()
    check = Do("check/a", Check(NUMBER, BASE, A, update(A), TERMS))
    assert flow.on(learnt(A), 101.0) == [check]
    assert flow.got == {} and flow.on(good(A), 101.0) == [] and flow.got == {A: update(A)}


def test_when_all_have_answered_it_adds_them_up_in_the_order_of_their_names() -> None:
    flow = made()
    assert answered(flow, C, A, B) == [add(A, B, C)]
    replies = tuple(Reply(client, update(client), 1.0, None) for client in (A, B, C))
    over = RoundOver(NUMBER, None, (A, B, C), "", JOB, SUM, replies, ())
    assert flow.on(Done("add", Summed(SUM)), 102.0) == [Tell(over)] and flow.phase is Phase.OVER


def test_of_n_it_takes_the_first_k() -> None:
    flow = made(enough=2)
    flow.on(learnt(C), 101.0)
    assert answered(flow, B, A) == [add(A, B)]
    assert flow.on(good(C), 102.0) == [Tell(Late(JOB, NUMBER, C))]


def test_whoever_declines_is_not_waited_for() -> None:
    flow = made()
    answered(flow, A, B)
    assert flow.on(Heard(C, Declined(NUMBER, "no data", JOB)), 103.0) == [add(A, B)]


def test_a_refused_update_is_told_and_the_round_goes_on() -> None:
    flow = made()
    answered(flow, A, B)
    flow.on(learnt(C), 102.0)
    told = flow.on(Done("check/c", Checked("not finite")), 102.0)
    assert told == [Tell(Rejected(JOB, NUMBER, C, "not finite")), add(A, B)]


def test_an_update_whose_look_failed_is_refused_too() -> None:
    flow = made()
    flow.on(learnt(A), 101.0)
    assert flow.on(Failed("check/a", "the disk is gone"), 101.0) == [Tell(Rejected(JOB, NUMBER, A, "the disk is gone"))]


def test_at_its_deadline_it_takes_a_quorum_or_nothing() -> None:
    few, enough = made(quorum=2), made(quorum=2)
    answered(few, A)
    answered(enough, A, B)
    owing = ((B, NUMBER), (C, NUMBER))
    assert few.on(Woke("late"), 160.0) == [
        Tell(RoundOver(NUMBER, None, (), "too few answered in time", JOB, None, (), owing))
    ]
    assert enough.on(Woke("late"), 160.0) == [add(A, B)]


def test_what_is_being_looked_at_when_the_time_is_up_may_still_count() -> None:
    flow = made(quorum=2)
    answered(flow, A)
    flow.on(learnt(B), 159.9)
    assert flow.on(Woke("late"), 160.0) == [] and flow.on(good(B), 160.1) == [add(A, B)]


def test_the_deadline_follows_the_arrivals_once_a_quorum_is_there() -> None:
    flow = made(Terms(JOB, stretch=3.0), quorum=2)
    assert answered(flow, A, at_s=104.0) == []
    assert answered(flow, B, at_s=106.0) == [Wake("late", 100.0 + adaptive_s((4.0, 6.0), 3.0))]
    slow = made(Terms(JOB, stretch=300.0), quorum=1)
    assert answered(slow, A, at_s=110.0) == [Wake("late", 160.0)], "never beyond its patience"


def test_whoever_does_not_begin_in_time_is_not_waited_for_but_welcome() -> None:
    terms = Terms(JOB, accept_s=5.0)
    flow = Round(NUMBER, BASE, (A, B, C), 1, PATIENCE_S, terms=terms)
    assert Wake("silent", 105.0) in flow.on(Began(), 100.0)
    for client in (A, B):
        flow.on(Heard(client, Begun(NUMBER, JOB)), 101.0)
    assert flow.on(Woke("silent"), 105.0) == [] and flow.silent == (C,)
    answered(flow, C, A)
    flow.on(learnt(B), 110.0)
    (command,) = flow.on(good(B), 110.0)
    assert isinstance(command, Do) and [client for client, _ in command.work.updates] == [A, B, C]
    alone = Round(NUMBER, BASE, (A, B, C), 1, PATIENCE_S, terms=terms)
    alone.on(Began(), 100.0)
    alone.on(Heard(A, Begun(NUMBER, JOB)), 101.0)
    alone.on(Woke("silent"), 105.0)
    alone.on(learnt(A), 107.0)
    assert [type(command) for command in alone.on(good(A), 107.0)] == [Do], "nobody else has begun"


def test_an_answer_to_an_earlier_round_is_late_once_and_then_refused() -> None:
    flow = Round(NUMBER, BASE, (A, B), 1, PATIENCE_S, terms=TERMS, owing={C: 1})
    flow.on(Began(), 100.0)
    assert flow.on(learnt(C, 1), 101.0) == [Tell(Late(JOB, 1, C))]
    (again,) = flow.on(learnt(C, 1), 101.0)
    assert isinstance(again, Tell) and isinstance(again.body, Rejected)


def test_whoever_is_asked_anew_owes_the_old_round_nothing() -> None:
    flow = made()
    (told,) = flow.on(learnt(C, 1), 101.0)
    assert isinstance(told, Tell) and isinstance(told.body, Rejected) and "round 1 is not asked about" in told.body.why


@pytest.mark.parametrize("phase", [Phase.ASKING, Phase.ADDING])
def test_a_second_answer_and_a_strangers_are_refused(phase: Phase) -> None:
    flow = made()
    answered(flow, *((A,) if phase is Phase.ASKING else (A, B, C)))
    assert flow.phase is phase
    for client, why in ((A, "it was answered before"), (NodeId("x"), "nobody asked this client")):
        assert flow.on(learnt(client), 102.0) == [Tell(Rejected(JOB, NUMBER, client, why))]


def test_a_round_that_nobody_wants_ends_without_a_sum() -> None:
    flow = made()
    answered(flow, A)
    (told,) = flow.on(Told(Abandon(JOB, NUMBER)), 103.0)
    assert isinstance(told, Tell) and told.body.total is None and told.body.why == "it was abandoned"
    assert flow.phase is Phase.OVER and dict(told.body.owing) == {B: NUMBER, C: NUMBER}


def test_the_adaptive_deadline_by_hand() -> None:
    assert adaptive_s((1.0, 2.0, 4.0), 2.0) == pytest.approx(2.0 + 2.0 * 1.4826)
    assert adaptive_s((5.0,), 3.0) == pytest.approx(6.5)
    with pytest.raises(ValueError, match="no arrival"):
        adaptive_s((), 3.0)


@given(st.lists(st.floats(0.1, 1e3), min_size=1, max_size=30), st.floats(0.0, 10.0), st.floats(0.1, 10.0))
def test_the_adaptive_deadline_scales_with_time_and_never_cuts_the_middle_off(
    arrivals: list[float], stretch: float, scale: float
) -> None:
    found = adaptive_s(arrivals, stretch)
    assert found >= sorted(arrivals)[(len(arrivals) - 1) // 2] * (1 - 1e-9)
    assert adaptive_s([one * scale for one in arrivals], stretch) == pytest.approx(found * scale, rel=1e-6)
