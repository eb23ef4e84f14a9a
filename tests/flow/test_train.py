"""A federated job's flows, event by event: the server with and without rounds, the learner, the aggregator between."""

from __future__ import annotations

from collections.abc import Sequence

from ganglion.core.compute import Sgd
from ganglion.core.facts import Audited, Fetched, Pushed
from ganglion.core.fleet import NodeId
from ganglion.core.label import PUBLIC_UPDATE
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
    Lane,
    Send,
    Start,
    Tell,
    Told,
    Wake,
    Woke,
)
from ganglion.core.ref import Ref
from ganglion.core.update import Counted
from ganglion.flow.buffer.cloud import Buffer
from ganglion.flow.buffer.messages import Pace
from ganglion.flow.fetch.client import Fetch, Give
from ganglion.flow.keep.messages import Gather, Gathered
from ganglion.flow.round.learner import ATTACHED_BYTES, Learner
from ganglion.flow.round.messages import (
    Abandon,
    Aggregate,
    Assign,
    Begun,
    Checked,
    Declined,
    Dismiss,
    Late,
    Learnt,
    RoundOver,
    StepBelow,
    SteppedBelow,
    Summed,
    Terms,
    Trained,
    TrainLocally,
    Weights,
)
from ganglion.flow.round.relay import Relay
from ganglion.flow.round.server import Round
from ganglion.flow.train.cloud import Phase, Train
from ganglion.flow.train.messages import (
    Begin,
    Choice,
    Chosen,
    Evaluated,
    Order,
    Progress,
    Setback,
    State,
    Tidy,
    TrainOver,
    Until,
)

A, B, TOP = NodeId("a"), NodeId("b"), NodeId("top")
JOB = 7


def ref(name: str, size: int = 9) -> Ref:
    return Ref(name, size, PUBLIC_UPDATE)


TERMS = Terms(JOB, how=Sgd(0.1))
DISMISSED = [Send(A, Dismiss(JOB)), Send(B, Dismiss(JOB))]
SUM = Counted(ref("sum"), 6.0)
JUDGED = Evaluated(0.5, 1.0, 10)


def play(flow: Train | Buffer | Learner | Relay, *events: Event, now_s: float = 100.0) -> Sequence[Command]:
    """What the last of them leads to."""
    commands: Sequence[Command] = []
    for event in events:
        commands = flow.on(event, now_s)
    return commands


# --- the server, in rounds -------------------------------------------------------------------------------------------

BEGUN: tuple[Event, ...] = (Began(), Done("begin", Weights(ref("w0"))), Done("judge", JUDGED))
ASKED = (*BEGUN, Done("choose", Chosen((A, B), ref("copy"))))
OVER = RoundOver(1, None, (A,), "", JOB, SUM, (), ((B, 1),))


def job(**more: object) -> Train:
    return Train(JOB, Terms(0, how=Sgd(0.1)), (A, B), Choice(count=2), Until(2, 0.9, 3), **more)  # type: ignore[arg-type]


def test_a_job_begins_with_weights_and_judges_them() -> None:
    flow = job()
    assert play(flow, Began()) == [Do("begin", Begin(TERMS, None))]
    (judge,) = play(flow, Done("begin", Weights(ref("w0"))))
    assert isinstance(judge, Do) and judge.name == "judge" and flow.phase is Phase.JUDGING


def test_a_round_is_asked_of_whoever_was_chosen() -> None:
    (start,) = play(job(quorum=5, enough=1), *ASKED)
    assert isinstance(start, Start)
    assert start.flow == Round(1, ref("w0"), (A, B), 2, 60.0, terms=TERMS, enough=1, copy=ref("copy"))


def test_a_sum_makes_a_step_and_a_step_is_told() -> None:
    flow = job()
    (step,) = play(flow, *ASKED, Told(OVER))
    assert isinstance(step, Do) and step.work.total == SUM and step.work.clients == 2
    told, choose = play(flow, Done("step", State(ref("w1"))), Done("judge", Evaluated(0.6, 0.8, 10)), now_s=104.0)
    assert told == Tell(Progress(JOB, 1, 0.6, 0.8, 0, 18, 4.0, (), ref("w1")))
    assert isinstance(choose, Do) and choose.work.weights == ref("w1") and flow.at.spent == (ref("w0"), ref("sum"))


def test_what_a_step_left_behind_goes_while_clients_learn() -> None:
    flow, state = job(), State(ref("w1"))
    play(flow, *ASKED, Told(OVER), Done("step", state), Done("judge", JUDGED))
    start, tidy = play(flow, Done("choose", Chosen((A,), ref("copy 2"))))
    assert isinstance(start, Start) and tidy == Do("tidy/2", Tidy(state, (ref("w0"), ref("sum"))))
    assert play(flow, Done("tidy/2", None)) == [] and flow.phase is Phase.ROUND
    assert play(flow, Failed("tidy/2", "the disk is full")) == [] and flow.failures == 0


def test_a_job_ends_with_its_target_or_its_rounds() -> None:
    for accuracy, why in ((0.95, "target"), (0.1, "rounds")):
        flow = job()
        flow.until = Until(1, 0.9)
        commands = play(
            flow, *ASKED, Told(OVER), Done("step", State(ref("w1"))), Done("judge", Evaluated(accuracy, 1, 9))
        )
        assert (
            commands[1:] == [Tell(TrainOver(JOB, 1, accuracy, ref("w1"), why)), *DISMISSED] and flow.phase is Phase.OVER
        )


def test_what_comes_to_nothing_is_tried_again_and_not_for_ever() -> None:
    flow = job()
    nothing = Told(RoundOver(1, None, (), "too few", JOB))
    assert play(flow, *ASKED, nothing) == [Tell(Setback(JOB, 0, "too few")), Wake("again", 101.0)]
    (choose,) = play(flow, Woke("again"))
    assert isinstance(choose, Do) and choose.name == "choose"
    assert play(flow, Failed("choose", "no worker")) == [Tell(Setback(JOB, 0, "no worker")), Wake("again", 102.0)]
    assert play(flow, Woke("again"), Failed("choose", "no worker")) == [
        Tell(TrainOver(JOB, 0, 0.5, ref("w0"), "no worker")),
        *DISMISSED,
    ]


def test_what_a_policy_refuses_is_not_tried_again() -> None:
    (over,) = play(job(), Began(), Failed("begin", "it may not", refused=True))
    assert over == Tell(TrainOver(JOB, 0, -1.0, None, "it may not"))


def test_an_order_holds_when_the_round_is_over() -> None:
    flow, audit = job(), Tell(Audited("training: pause", f"job {JOB}", "ada"))
    assert play(flow, *ASKED, Told(Order(JOB, "pause", "ada"))) == [audit]
    play(flow, Told(OVER), Done("step", State(ref("w1"))), Done("judge", JUDGED))
    assert flow.phase.name == "PAUSED"
    resumed = play(flow, Told(Order(JOB, "resume", "ada")))
    assert [type(command) for command in resumed] == [Tell, Do] and flow.phase.name == "CHOOSING"
    stopped = play(flow, Done("choose", Chosen((A,))), Told(Order(JOB, "stop", "ada")))
    assert stopped[-1] == Tell(Abandon(JOB, 2))
    over = play(flow, Told(RoundOver(2, None, (), "it was abandoned", JOB)))
    assert over == [Tell(TrainOver(JOB, 1, 0.5, ref("w1"), "stopped by ada")), *DISMISSED]


def test_an_order_that_means_nothing_now_is_ignored() -> None:
    assert play(job(), *ASKED, Told(Order(JOB, "resume", "ada"))) == [Tell(Ignored("Train", "7", "resume", "ROUND"))]


# --- a learner -------------------------------------------------------------------------------------------------------

ASSIGN = Assign(3, ref("w"), TERMS)
UPDATE = Counted(ref("delta"), 2.0)
TRAINED = Trained(UPDATE, ref("kept"), "", 0.0, 0.0)


def test_a_learner_fetches_learns_and_answers_with_its_update_attached() -> None:
    flow = Learner(JOB, TOP)
    assert play(flow, Began(), Heard(TOP, ASSIGN)) == [Start(Fetch(ref("w"), TOP)), Wake("retry", 115.0)]
    work = TrainLocally(3, ref("w"), TERMS, None, None, None)
    assert play(flow, Told(Fetched(ref("w")))) == [Cancel("retry"), Do("learn/3", work)]
    answer = Send(TOP, Learnt(3, UPDATE, JOB), Lane.TENSOR, attach=(ref("delta"),))
    assert play(flow, Done("learn/3", TRAINED)) == [answer]
    play(flow, Heard(TOP, Assign(4, ref("v"), TERMS)))
    (_, again) = play(flow, Told(Fetched(ref("v"))))
    assert again == Do("learn/4", TrainLocally(4, ref("v"), TERMS, None, None, ref("kept"), ref("w")))


def test_a_large_update_goes_ahead_of_its_message() -> None:
    flow, large = Learner(JOB, TOP), Counted(ref("delta", ATTACHED_BYTES + 1), 2.0)
    done = Done("learn/3", Trained(large, None, "", 0.0, 0.0))
    given = play(flow, Began(), Heard(TOP, ASSIGN), Told(Fetched(ref("w"))), done)
    assert given == [Start(Give(large.delta, TOP)), Wake("retry", 115.0)]
    assert play(flow, Told(Pushed(large.delta))) == [Cancel("retry"), Send(TOP, Learnt(3, large, JOB))]


def test_a_newer_round_replaces_the_one_at_work() -> None:
    flow = Learner(JOB, TOP)
    newer = play(flow, Began(), Heard(TOP, ASSIGN), Told(Fetched(ref("w"))), Heard(TOP, Assign(5, ref("v"), TERMS)))
    assert newer[0] == Cancel("learn/3")
    assert play(flow, Done("learn/3", TRAINED)) == [Tell(Ignored("Learner", "7", "Done", "FETCHING"))]
    for stale in (Heard(TOP, ASSIGN), Heard(B, Assign(9, ref("v"), TERMS))):
        assert play(flow, stale) == [Tell(Ignored("Learner", "7", "Heard", "FETCHING"))]


def test_a_learner_that_cannot_says_why() -> None:
    flow = Learner(JOB, TOP)
    failed = play(flow, Began(), Heard(TOP, ASSIGN), Told(Fetched(ref("w"))), Failed("learn/3", "no torch"))
    assert failed == [Send(TOP, Declined(3, "no torch", JOB))]
    kept = Assign(4, ref("w"), Terms(JOB, data="kept", least=20))
    assert play(flow, Heard(TOP, kept))[-1] == Do("gather/4", Gather(0.0, 100.0, 20))
    assert play(flow, Done("gather/4", Gathered(3, None))) == [Send(TOP, Declined(4, "3 labelled examples", JOB))]


def test_it_says_that_it_has_begun_where_the_round_asks_for_it_and_what_it_lowered() -> None:
    flow, terms = Learner(JOB, TOP), Terms(JOB, accept_s=5.0)
    begun = play(flow, Began(), Heard(TOP, Assign(3, ref("w"), terms)), Told(Fetched(ref("w"))))
    assert Send(TOP, Begun(3, JOB)) in begun
    told = play(flow, Done("learn/3", Trained(UPDATE, None, "noise", 1.0, 1e-5)))[0]
    assert told == Tell(Audited("declassify", "delta", "noise", 1.0, 1e-5))


def test_a_learner_that_is_dismissed_gives_up_what_it_does() -> None:
    flow = Learner(JOB, TOP)
    play(flow, Began(), Heard(TOP, ASSIGN), Told(Fetched(ref("w"))))
    assert play(flow, Heard(B, Dismiss(JOB))) == [Tell(Ignored("Learner", "7", "Heard", "LEARNING"))]
    assert play(flow, Heard(TOP, Dismiss(JOB))) == [Cancel("learn/3"), Cancel("retry")] and flow.phase.name == "OVER"


# --- an aggregator between -------------------------------------------------------------------------------------------


def relay(below: int = 1) -> Relay:
    flow = Relay(JOB, TOP, (A, B))
    play(flow, Began(), Heard(TOP, Assign(3, ref("w"), Terms(JOB, tiers=1, below=below), left_s=50.0)))
    return flow


def test_an_aggregator_asks_below_in_less_time_than_it_has() -> None:
    (_, start) = play(relay(), Told(Fetched(ref("w"))), now_s=110.0)
    assert isinstance(start, Start)
    assert start.flow == Round(3, ref("w"), (A, B), 1, 32.0, terms=Terms(JOB, tiers=0))


def test_it_answers_with_the_sum_or_with_why_there_is_none() -> None:
    sums = (RoundOver(3, None, (A,), "", JOB, SUM), RoundOver(3, None, (), "too few", JOB))
    said = [play(relay(), Told(Fetched(ref("w"))), Told(over)) for over in sums]
    assert said[0] == [Send(TOP, Learnt(3, SUM, JOB), Lane.TENSOR, attach=(ref("sum"),))]
    assert said[1] == [Send(TOP, Declined(3, "too few", JOB))]


def test_more_rounds_below_each_begin_where_the_last_one_ended() -> None:
    flow = relay(below=2)
    terms = Terms(JOB, tiers=1, below=2)
    (step,) = play(flow, Told(Fetched(ref("w"))), Told(RoundOver(6, None, (A,), "", JOB, SUM)))
    assert step == Do("step/6", StepBelow(3, ref("w"), ref("w"), SUM, terms))
    (start,) = play(flow, Done("step/6", SteppedBelow(ref("v"), UPDATE)))
    assert isinstance(start, Start) and (start.flow.number, start.flow.base) == (7, ref("v"))
    (step,) = play(flow, Told(RoundOver(7, None, (A,), "", JOB, SUM)))
    assert step == Do("step/7", StepBelow(3, ref("w"), ref("v"), SUM, terms))
    (answer,) = play(flow, Done("step/7", SteppedBelow(ref("u"), UPDATE)))
    assert isinstance(answer, Send) and answer.body == Learnt(3, UPDATE, JOB)


def test_a_newer_question_gives_the_round_below_up_first() -> None:
    flow, newer = relay(), Assign(4, ref("v"), Terms(JOB, tiers=1))
    assert play(flow, Told(Fetched(ref("w"))), Heard(TOP, newer)) == [Tell(Abandon(JOB, 3))]
    fetch = play(flow, Told(RoundOver(3, None, (), "it was abandoned", JOB, owing=((A, 3),))))
    assert fetch[0] == Start(Fetch(ref("v"), TOP))
    (_, start) = play(flow, Told(Fetched(ref("v"))))
    assert isinstance(start, Start) and start.flow.owing == {A: 3}


def test_a_dismissed_aggregator_dismisses_those_below() -> None:
    flow = relay()
    play(flow, Told(Fetched(ref("w"))))
    assert play(flow, Heard(TOP, Dismiss(JOB))) == [Tell(Abandon(JOB, 3)), *DISMISSED, Cancel("retry")]
    assert flow.phase.name == "OVER"


# --- the server, without rounds --------------------------------------------------------------------------------------


def buffer(**more: object) -> Buffer:
    pace = Pace(busy=2, full=1, patience_s=5.0)
    flow = Buffer(JOB, Terms(0, how=Sgd(0.1)), (A, B), pace, until=Until(9), **more)  # type: ignore[arg-type]
    play(flow, *BEGUN, Done("choose", Chosen((A, B), ref("copy"))))
    return flow


def test_every_client_has_a_number_and_a_deadline_of_its_own() -> None:
    flow = Buffer(JOB, Terms(0, how=Sgd(0.1)), (A, B), Pace(busy=2), until=Until(9))
    sends = play(flow, *BEGUN, Done("choose", Chosen((A, B), ref("copy"))))
    asks = [Assign(number, ref("copy"), TERMS, None, 60.0) for number in (1, 2)]
    assert sends == [
        Send(A, asks[0], Lane.TENSOR, attach=(ref("copy"),)),
        Wake("late/a", 160.0),
        Send(B, asks[1], Lane.TENSOR, attach=(ref("copy"),)),
        Wake("late/b", 160.0),
    ]


def test_an_update_frees_its_client_and_a_stale_one_counts_less() -> None:
    flow = buffer()
    play(flow, Heard(A, Learnt(1, UPDATE, JOB)))
    add, choose = play(flow, Done("check/a", Checked("")))
    assert add == Do("add", Aggregate(0, ref("w0"), ((A, UPDATE),), TERMS, (1.0,)))
    assert isinstance(choose, Do) and choose.work.candidates == (A,)
    play(flow, Done("add", Summed(SUM)), Done("step", State(ref("w1"))), Done("judge", JUDGED))
    play(flow, Heard(B, Learnt(2, UPDATE, JOB)))
    add = play(flow, Done("check/b", Checked("")))[0]
    assert isinstance(add, Do) and add.work.factors == (2.0**-0.5,)


def test_a_lost_client_is_replaced_and_its_answer_is_late_once() -> None:
    flow = buffer()
    told = play(flow, Woke("late/a"))
    assert told[:2] == [Cancel("late/a"), Tell(Setback(JOB, 0, "a: no answer in time"))]
    learnt = Heard(A, Learnt(1, UPDATE, JOB))
    assert play(flow, learnt) == [Tell(Late(JOB, 1, A))]
    assert play(flow, learnt) != [Tell(Late(JOB, 1, A))] and flow.books.checking == {}


def test_where_all_were_lost_all_are_asked_again() -> None:
    flow = buffer()
    play(flow, Woke("late/a"), Done("choose", Chosen((A,))), Woke("late/b"), Woke("late/a"))
    sends = play(flow, Done("choose", Chosen((A, B))))
    assert [command.to for command in sends if isinstance(command, Send)] == [A, B]


def test_a_paused_buffer_asks_nobody_and_takes_what_comes() -> None:
    flow = buffer()
    play(flow, Told(Order(JOB, "pause", "ada")), Heard(A, Learnt(1, UPDATE, JOB)))
    assert [type(command) for command in play(flow, Done("check/a", Checked("")))] == [Do]
    resumed = play(flow, Told(Order(JOB, "resume", "ada")))
    assert isinstance(resumed[-1], Do) and resumed[-1].name == "choose"
    over = Tell(TrainOver(JOB, 0, 0.5, ref("w0"), "stopped by ada"))
    assert play(flow, Told(Order(JOB, "stop", "ada")))[1:] == [over, *DISMISSED]
