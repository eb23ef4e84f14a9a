"""Roll-outs over the real flows: what comes back, what goes on, what a power cut changes (nothing)."""

from __future__ import annotations

import pytest

from ganglion.bench.rollout_cases import CASES, CUTS, Case, refused
from ganglion.bench.rollout_fleet import CLOUD, rules
from ganglion.bench.rollout_parts import swaps
from ganglion.bench.rollout_sim import EDGES, world
from ganglion.core.facts import Audited
from ganglion.flow.rollout.messages import Steer

PLAYED = (
    "labels swapped: comes back",
    "too large for one device: comes back",
    "cloud away, worse: the site goes back by itself",
    "rolled back after the commit",
    "aborted",
    "no history and the first one breaks",
)


@pytest.mark.parametrize("what", PLAYED)
def test_a_roll_out_ends_as_it_should(what: str) -> None:
    (case,) = (one for one in CASES if one.what == what)
    assert list(case.play(world(3, first=case.first))) == []


@pytest.mark.parametrize("cut", [CUTS[place] for place in (3, 4, 7, 8, -1)], ids=lambda cut: cut.what)
def test_a_power_cut_changes_no_end(cut: Case) -> None:
    assert list(cut.play(world(4))) == []


def test_the_checks_would_notice() -> None:
    assert len(list(refused("better")(world(3)))) == 3  # it is kept, answered with, and the floor has risen


def test_what_a_person_does_is_in_the_audit_log() -> None:
    story = world(5)
    story.begin(2, "better", rules())
    story.at(lambda: story.rollout(2) is not None, 100.0)
    for act in ("pause", "resume", "abort"):
        story.world.tell(CLOUD, Steer(2, act, "otto as operator"))
    story.world.rest(0.1)
    acts = [body for _, node, body in story.told(Audited) if node == CLOUD]
    assert [(one.act, one.what, one.why) for one in acts] == [
        (f"roll-out: {act}", "release 2", "otto as operator") for act in ("pause", "resume", "abort")
    ]


def test_requests_go_on_while_releases_are_swapped() -> None:
    row = swaps(world(6), 3 * len(EDGES), 10.0)
    assert row["ok"] and row["runs"] > 100
