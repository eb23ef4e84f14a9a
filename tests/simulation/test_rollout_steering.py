"""What a person may ask of the cloud about roll-outs, answered by the live code over simulated nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ganglion.bench.rollout_fleet import CLOUD, SETTLE_S, Story, rules
from ganglion.bench.rollout_sim import EDGES, RINGS, SimLook, world
from ganglion.core.errors import ConfigError, NotFound, Refused
from ganglion.core.facts import Audited
from ganglion.core.fleet import NodeId
from ganglion.live.admin_gate import Asker
from ganglion.live.rollout_messages import AskRollouts, CreateRollout, Rollouts, Steered, SteerRollout
from ganglion.live.steering import Steering
from ganglion.protect.access import Place, Role

OLGA, OTTO = Asker("olga", Role.OWNER, Place.CONSOLE), Asker("otto", Role.OPERATOR, Place.CONSOLE)


def ask(story: Story, asked: Any, who: Asker = OLGA) -> Any:
    assert isinstance(story.look, SimLook)
    return Steering(story.look.drive(CLOUD)).answer(asked, who)


def seen(story: Story) -> Rollouts:
    found = ask(story, AskRollouts())
    assert isinstance(found, Rollouts)
    return found


def rest(story: Story, number: int) -> None:
    assert story.until(lambda: story.over(number) is not None, SETTLE_S)
    assert story.until(story.settled, SETTLE_S)


def test_after_the_commit_an_owner_has_the_release_before_back_under_a_new_number() -> None:
    story = world(3)
    story.release(2, "better", rules(error=0.1))
    story.until(story.settled, SETTLE_S)
    with pytest.raises(Refused, match="only an owner"):
        ask(story, SteerRollout(2, "rollback"), OTTO)
    with pytest.raises(Refused, match="too late to abort"):
        ask(story, SteerRollout(2, "abort"))
    with pytest.raises(Refused, match="roll back 2"):
        ask(story, SteerRollout(1, "rollback"))
    assert ask(story, SteerRollout(2, "rollback")) == Steered(3)
    rest(story, 3)
    assert story.answering() == {3} and {story.install(edge).floor for edge in EDGES} == {3} and story.failed() == 0
    assert [(row.counter, row.kept) for row in seen(story).rows] == [(3, True), (2, True), (1, True)]
    assert ("roll-out: rollback", "release 3 of release 1", "olga as owner") in [
        (act.act, act.what, act.why) for _, _, act in story.told(Audited)
    ]


def test_a_release_that_came_back_may_be_let_out_again_and_is_steered_on_its_way() -> None:
    story = world(4)
    story.release(2, "worse", rules(shadow=False))
    story.until(story.settled, SETTLE_S)
    with pytest.raises(Refused, match="release 1 is out already"):
        ask(story, CreateRollout("1", RINGS, rules()))
    assert ask(story, CreateRollout("2", RINGS, rules())) == Steered(3)
    assert story.at(lambda: story.rollout(3) is not None, SETTLE_S)
    with pytest.raises(Refused, match="release 3 is going out"):
        ask(story, CreateRollout("2", RINGS, rules()))
    with pytest.raises(Refused, match="not paused"):
        ask(story, SteerRollout(3, "resume"), OTTO)
    assert ask(story, SteerRollout(3, "pause"), OTTO) == Steered(3)
    assert seen(story).rows[0].paused and seen(story).rows[0].names == ("canary", "share", "fleet")
    assert ask(story, SteerRollout(3, "rollback"), OTTO) == Steered(3)  # before its commit it is as an abort
    rest(story, 3)
    assert story.answering() == {1} and seen(story).rows[0].why == "aborted by otto as operator"


WRONG: list[tuple[Any, type[Exception], str]] = [
    (SteerRollout(9, "pause"), NotFound, "no roll-out 9"),
    (SteerRollout(1, "rollback"), Refused, "no release before 1"),
    (CreateRollout("9", RINGS, rules()), NotFound, "no release 9"),
    (CreateRollout("1", (), ()), ConfigError, "0 rings"),
    (CreateRollout("1", ((NodeId("edge-9"),),), rules()[:1]), ConfigError, "edge-9"),
]


@pytest.mark.parametrize(("asked", "error", "says"), WRONG, ids=lambda part: str(part)[:30])
def test_what_cannot_be_is_refused_and_nothing_changes(asked: Any, error: type[Exception], says: str) -> None:
    story = world(5)
    before: Callable[[], Any] = lambda: (seen(story), story.answering())  # noqa: E731
    was = before()
    with pytest.raises(error, match=says):
        ask(story, asked)
    story.world.rest(5.0)
    assert before() == was
