"""Whatever links and crashes do, a federated job ends once, adds each update once, in rounds to the same bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ganglion.bench.fl_fleet import CLOUD, TRAIN_S, WORST, Story, begin, edges, flat_of, tree, trouble, usual_cost
from ganglion.core.blob import tensors_of_bytes
from ganglion.core.compute import Sgd
from ganglion.core.facts import Audited
from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.tensors import Tensors
from ganglion.flow.buffer.cloud import Buffer
from ganglion.flow.buffer.messages import Pace
from ganglion.flow.round.messages import Aggregate, RoundOver, Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Order, Progress, Setback, TrainOver, Until
from ganglion.node.journal import replay

HOW = Sgd(0.1, epochs=1, batch=10)
TERMS = Terms(0, "fedavg", HOW)
ROUNDS = 4
KINDS = ("Train/", "Buffer/", "Round/", "Learner/", "Relay/")


def clients(fleet: Fleet) -> tuple[NodeId, ...]:
    return tuple(node.id for node in fleet.children(CLOUD))


def rounds(fleet: Fleet, terms: Terms = TERMS, **more: Any) -> Train:
    """Everybody takes part, and a round waits for whoever was killed."""
    asked = clients(fleet)
    return Train(0, terms, asked, Choice(count=len(asked)), Until(ROUNDS), patience_s=900.0, **more)


def buffered(fleet: Fleet) -> Buffer:
    return Buffer(0, TERMS, clients(fleet), Pace(busy=4, full=2, patience_s=6.0), until=Until(8))


class Seen:
    """Every sum that a node was asked for; asked again after a crash it must be the same."""

    def __init__(self) -> None:
        self.sums: dict[tuple[NodeId, int], Aggregate] = {}

    def cost(self, work: Any, node: Node) -> float:
        if isinstance(work, Aggregate):
            known = self.sums.setdefault((node.id, work.number), work)
            assert known == work, f"{node.id} adds something else for round {work.number} than before its crash"
        return usual_cost(work, node)

    def once(self) -> bool:
        """No update is in two sums of a node, nor twice in one."""
        for place in {node for node, _ in self.sums}:
            digests = [c.delta.digest for (at, _), w in self.sums.items() if at == place for _, c in w.updates]
            if len(digests) != len(set(digests)):
                return False
        return True


def play(fleet: Fleet, flow: Train | Buffer, seed: int, bad: bool = True) -> tuple[Story, TrainOver, Seen]:
    """A job from its start to its end, with nine troubles on its way."""
    seen = Seen()
    story = begin(fleet, seed, seen.cost)
    story.world.begin(CLOUD, flow)
    story.world.rest(0.01)  # begun means committed
    if bad:
        story.world.wires.faults = WORST
        trouble(story, seed, 9, 3.0)
        story.heal()
    over = story.over()
    assert over is not None, f"seed {seed}: it hangs"
    story.world.rest(20.0)
    return story, over, seen


def weights(story: Story, over: TrainOver) -> Tensors:
    assert over.weights is not None
    return tensors_of_bytes(story.world.blob(CLOUD, over.weights))


def whole(story: Story, over: TrainOver, seen: Seen, seed: int) -> None:
    """What holds of every job, whatever befell it."""
    assert story.told(TrainOver) == [over], f"seed {seed}: it ended twice"
    assert [one.number for one in story.told(Progress)] == list(range(over.number + 1)), f"seed {seed}"
    assert seen.once(), f"seed {seed}: an update was counted twice"
    assert story.world.wires.violations == []
    for node in story.world.fleet.nodes:
        left = [name for name, slot in story.drive(node.id).slots.items() if name.startswith(KINDS) and not slot.over]
        assert left == [], f"seed {seed}: {node.id} goes on after the job's end"
    drive = story.drive(CLOUD)
    live = {name: slot.flow for name, slot in drive.slots.items() if slot.durable and not slot.over}
    again = {slot.id: slot.flow for slot, _ in replay(drive.tools.disk, drive.tools.codec) if not slot.over}
    assert again == live, f"seed {seed}: the journal says otherwise"


@pytest.mark.parametrize("block", range(4))
def test_killed_anywhere_a_job_in_rounds_comes_to_the_same_bytes(block: int) -> None:
    fleet = edges(3)
    _, good, _ = play(fleet, rounds(fleet), 0, bad=False)
    for seed in range(20 * block, 20 * block + 20):
        story, over, seen = play(fleet, rounds(fleet), seed)
        assert (over.weights, over.why) == (good.weights, "rounds"), f"seed {seed}: {over}"
        assert len(story.told(RoundOver)) == ROUNDS
        whole(story, over, seen, seed)


@pytest.mark.parametrize("block", range(2))
def test_a_tree_of_killed_aggregators_comes_to_the_same_bytes(block: int) -> None:
    fleet = tree(2, 2)
    terms = replace(TERMS, tiers=1, below=1 + block)
    _, good, _ = play(fleet, rounds(fleet, terms, learners=4), 0, bad=False)
    for seed in range(15 * block, 15 * block + 15):
        story, over, seen = play(fleet, rounds(fleet, terms, learners=4), seed)
        assert (over.weights, over.why) == (good.weights, "rounds"), f"seed {seed}: {over}"
        whole(story, over, seen, seed)


@pytest.mark.parametrize("block", range(2))
def test_an_asynchronous_job_ends_once_and_adds_every_update_once(block: int) -> None:
    fleet = edges(5)
    for seed in range(30 * block, 30 * block + 30):
        story, over, seen = play(fleet, buffered(fleet), seed)
        assert (over.number, over.why) == (8, "rounds"), f"seed {seed}: {over}"
        assert all(len(one.counted) == 2 for one in story.told(Progress)[1:]), f"seed {seed}"
        assert over.accuracy > 0.8, f"seed {seed}: {over}"
        whole(story, over, seen, seed)


@pytest.mark.parametrize("method", ["fedavg", "fednova", "scaffold", "fedadam"])
def test_two_levels_are_as_good_as_one(method: str) -> None:
    deep, terms = tree(2, 3), replace(TERMS, method=method)
    flat = flat_of(deep)
    one, over, _ = play(deep, rounds(deep, replace(terms, tiers=1), learners=6), 0, bad=False)
    other, alone, _ = play(flat, rounds(flat, terms), 0, bad=False)
    assert np.abs(weights(one, over).flat - weights(other, alone).flat).max() <= 1e-6


def test_more_rounds_below_need_fewer_above() -> None:
    """HierFAVG: three rounds below for each above lower the loss further, for the same bytes to the cloud."""
    fleet, lost, above = tree(2, 3), list[float](), list[int]()
    for below in (1, 3):
        story, _, _ = play(fleet, rounds(fleet, replace(TERMS, tiers=1, below=below), learners=6), 0, bad=False)
        lost.append(story.curve()[2].loss)
        above.append(sum(one.up_bytes for one in story.curve()))
    assert lost[1] < lost[0] and above[0] == above[1]


def test_a_tree_refuses_what_must_see_every_update() -> None:
    fleet = tree(2, 2)
    story, over, _ = play(fleet, rounds(fleet, replace(TERMS, method="scaffold", tiers=1, below=2)), 0, bad=False)
    assert over.number == 0 and "set below = 1" in over.why
    assert story.told(Progress) == []


def test_the_same_seed_gives_the_same_history() -> None:
    fleet = edges(3)
    made: list[Callable[[Fleet], Train | Buffer]] = [rounds, buffered]
    for flow in made:
        first, second = (play(fleet, flow(fleet), 11)[0].world.facts for _ in range(2))
        assert first == second


def test_a_job_is_paused_resumed_and_stopped_by_its_owner() -> None:
    fleet = edges(3)
    story = begin(fleet, 1)
    story.world.begin(CLOUD, replace(rounds(fleet), until=Until(1000)))
    story.world.rest(2.0)
    story.world.tell(CLOUD, Order(1, "pause", "ada"))
    story.world.rest(5.0)
    done = len(story.curve())
    story.kill(CLOUD)
    story.start(CLOUD)
    story.world.rest(20.0)
    assert len(story.curve()) == done > 1
    story.world.tell(CLOUD, Order(1, "resume", "ada"))
    story.world.rest(5.0)
    assert len(story.curve()) > done
    story.world.tell(CLOUD, Order(1, "stop", "ada"))
    over = story.over(60.0)
    assert over is not None and over.why == "stopped by ada" and over.weights == story.curve()[-1].weights
    assert [body.act for body in story.told(Audited)] == [f"training: {act}" for act in ("pause", "resume", "stop")]


def test_fed_async_steps_with_every_update() -> None:
    fleet = edges(3)
    flow = Buffer(0, TERMS, clients(fleet), Pace(busy=3, full=1, mix=0.6), until=Until(20))
    story, over, seen = play(fleet, flow, 1, bad=False)
    assert over.number == 20 and all(len(one.counted) == 1 for one in story.told(Progress)[1:])
    assert over.accuracy > 0.8
    whole(story, over, seen, 1)


def test_whoever_does_not_begin_is_not_waited_for() -> None:
    """FedCS's phases: with a deadline for beginning a round ends when those that began have answered."""
    fleet = edges(3)
    story = begin(fleet, 1)
    story.kill(NodeId("edge-3"))
    story.world.begin(CLOUD, rounds(fleet, replace(TERMS, accept_s=2.0)))
    over = story.over(60.0)
    assert over is not None and over.why == "rounds", "patience is 900 s"
    assert [one.counted for one in story.told(Progress)[1:]] == [("edge-1", "edge-2")] * ROUNDS


def test_the_deadline_adapts_to_those_who_are_in_time_and_the_others_are_late() -> None:
    fleet = edges(4)
    slow = tuple(replace(node, slowdown=8.0) if node.id == "edge-4" else node for node in fleet.nodes)
    story = begin(replace(fleet, nodes=slow), 1)
    job = rounds(fleet, replace(TERMS, stretch=3.0), quorum=3)
    story.world.begin(CLOUD, replace(job, choice=Choice(count=4), until=Until(20)))
    over = story.over(60.0)
    assert over is not None and over.why == "rounds"
    assert all("edge-4" not in one.counted for one in story.told(Progress))
    assert max(one.seconds for one in story.told(Progress)) < 2.0 < 8 * TRAIN_S
    story.world.rest(10.0)
    assert story.told(Setback) == [] and story.world.wires.violations == []
