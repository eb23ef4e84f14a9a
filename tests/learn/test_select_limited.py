"""Budgets and a floor around any way to choose."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.bench.fl_fleet import CLOUD, begin, edges
from ganglion.core.compute import Sgd
from ganglion.core.fleet import NodeId
from ganglion.core.history import Record
from ganglion.core.rng import stream
from ganglion.flow.round.messages import Terms
from ganglion.flow.train.cloud import Train
from ganglion.flow.train.messages import Choice, Progress, Until
from ganglion.learn.select import FedCs, Limited, Oort, Uniform

NODES = tuple(NodeId(f"n{place:02d}") for place in range(12))


def chosen(select: Any, turn: int = 0) -> tuple[NodeId, ...]:
    found: tuple[NodeId, ...] = select(NODES, stream(turn, "limited"))
    return found


def test_whoever_has_spent_its_bytes_or_joules_is_not_asked() -> None:
    seen = {node: Record(3, 10.0, 1.0, times=place) for place, node in enumerate(NODES, 1)}
    few = Limited(Uniform(12), most_bytes=5_000.0, round_bytes=1_000.0, seen=seen)
    assert chosen(few) == NODES[:4]  # who was counted four times can be asked a fifth
    warm = Limited(Uniform(12), most_j=60.0, watts=2.0, seen=seen)  # 20 J a round
    assert chosen(warm) == NODES[:2]
    assert chosen(Limited(Uniform(3), most_bytes=1.0, round_bytes=2.0)) == ()


def test_whoever_has_waited_longest_goes_first() -> None:
    seen = {node: Record(20 - place, 10.0, 1.0) for place, node in enumerate(NODES[:-1])}
    made = Limited(Uniform(4), floor=11, number=24, seen=seen)
    assert chosen(made) == NODES[-4:]  # one that was never seen has waited for all rounds
    one = Limited(Uniform(4), floor=24, number=24, seen=seen)
    assert NODES[-1] in chosen(one) and len(chosen(one)) == 4 and chosen(one, 1) != chosen(one, 2)


@given(st.integers(1, 5), st.integers(3, 20), st.integers(0, 99))
def test_nobody_waits_much_longer_than_the_floor(count: int, floor: int, seed: int) -> None:
    """Under a choice that would always take the same: the bound is the floor and a turn of those who wait with one."""
    seen: dict[NodeId, Record] = {}
    longest = 0
    for number in range(60):
        biased = Oort(count, explore=0.0, least=0.0, number=number, seen=seen, clip=99)
        made = Limited(biased, floor, number=number, seen=seen)
        for node in made(NODES, stream(seed, number)):
            before = seen.get(node)
            longest = max(longest, number - (before.number if before else 0))
            loss = 9.0 if node in NODES[:count] else 0.01
            seen[node] = Record(number, 1.0, 1.0, loss, before.times + 1 if before else 1)
    waiting = [60 - (seen[node].number if node in seen else 0) for node in NODES]
    assert max([longest, *waiting]) <= floor + -(-len(NODES) // count)


@pytest.mark.parametrize("inner", [Uniform(5), Oort(5), FedCs(5)])
def test_without_limits_it_is_what_it_is_around(inner: Any) -> None:
    assert chosen(Limited(inner)) == chosen(inner)


def test_a_job_ends_when_every_budget_is_spent() -> None:
    """Two clients, one a round, three rounds each: then nobody is left to ask."""
    story = begin(edges(2), 1)
    choice = Choice(count=1, values=(("most_bytes", 3e6), ("round_bytes", 1e6), ("floor", 3.0)))
    clients = (NodeId("edge-1"), NodeId("edge-2"))
    flow = Train(0, Terms(0, how=Sgd(0.1)), clients, choice, Until(50, failures=3), patience_s=8.0)
    story.world.begin(CLOUD, flow)
    over = story.over(600.0)
    assert over is not None and over.why == "nobody was chosen"
    counted = [one.counted for one in story.told(Progress)[1:]]
    assert len(counted) == 6 and {client: counted.count((client,)) for client in clients} == dict.fromkeys(clients, 3)
