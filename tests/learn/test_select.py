"""Who is asked: Oort, power of choice and FedCS by hand, and the faults that other implementations of Oort had."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.fleet import NodeId
from ganglion.core.history import Record
from ganglion.core.rng import stream
from ganglion.learn.select import FedCs, Oort, PowerOfChoice

NODES = tuple(NodeId(f"n{place:02d}") for place in range(20))
KINDS = (FedCs, Oort, PowerOfChoice)
Seen = dict[NodeId, Record]


def seen(seconds: float = 10.0, loss: float | None = 1.0, weight: float = 30.0) -> Seen:
    return {node: Record(3, seconds, weight, loss) for node in NODES}


def often(select: FedCs | Oort | PowerOfChoice, draws: int = 200) -> Counter[NodeId]:
    return Counter(node for turn in range(draws) for node in select(NODES, stream(turn, "select")))


@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(1, 30), st.integers(0, 20), st.integers(0, 20), st.integers(0, 99))
def test_as_many_as_there_are_each_once_of_the_candidates(
    kind: type[FedCs | Oort | PowerOfChoice], count: int, there: int, known: int, seed: int
) -> None:
    """Also with fewer clients than places, with none, and with some never seen."""
    chance = stream(seed, "records")
    past = {node: Record(1, float(chance.exponential(20.0)), 10.0, float(chance.random())) for node in NODES[:known]}
    chosen = kind(count=count, number=seed, seen=past)(NODES[:there], stream(seed, "select"))
    assert len(set(chosen)) == len(chosen) <= min(count, there) and set(chosen) <= set(NODES[:there])
    assert (len(chosen) > 0) == (there > 0)
    if kind is not FedCs:  # which may leave places empty rather than wait
        assert len(chosen) == min(count, there)


@pytest.mark.parametrize("loss", [0.0, 1.0, None])
def test_oort_is_fair_where_all_are_alike(loss: float | None) -> None:
    """Clients without loss, or all with the same, have utilities that still add up to something."""
    found = often(Oort(5, number=9, seen=seen(loss=loss)))
    assert set(found) == set(NODES) and max(found.values()) < 3 * min(found.values())


def test_oort_prefers_those_for_whom_the_model_does_worse() -> None:
    past = seen() | {NODES[0]: Record(3, 10.0, 30.0, 5.0), NODES[1]: Record(3, 10.0, 30.0, 0.01)}
    found = often(Oort(5, number=9, clip=99, seen=past))
    assert found[NODES[0]] > 2 * found[NODES[2]] > 0 == found[NODES[1]], found


def test_oort_cuts_the_slow_back() -> None:
    past = seen() | {NODES[0]: Record(3, 100.0, 30.0, 1.0)}
    assert often(Oort(5, number=9, seen=past))[NODES[0]] == 0
    assert often(Oort(5, number=9, penalty=0.0, seen=past))[NODES[0]] > 20


def test_oort_explores_less_from_round_to_round_but_never_not_at_all() -> None:
    past = {node: Record(3, 10.0, 30.0, 1.0) for node in NODES[:10]}
    new = [
        sum(count for node, count in often(Oort(5, number=number, seen=past), 20).items() if node not in past) / 20
        for number in (0, 30, 500)
    ]
    assert new == [4.0, 2.0, 1.0]  # 0.9, then 0.9 * 0.98^30 = 0.49, then the floor of 0.2, each of five places


def test_oort_gives_up_on_whoever_was_asked_often_enough() -> None:
    past = seen() | {NODES[0]: replace(seen()[NODES[0]], times=7, loss=50.0)}
    assert often(Oort(5, number=9, tries=7, seen=past))[NODES[0]] == 0


def test_power_of_choice_takes_the_worst_of_those_drawn() -> None:
    past = {node: Record(1, 1.0, 1.0, float(place)) for place, node in enumerate(NODES)}
    assert PowerOfChoice(3, among=20.0, seen=past)(NODES, stream(1, "select")) == NODES[-3:]
    found = often(PowerOfChoice(3, among=1.0, seen=past))
    assert max(found.values()) < 2.5 * min(found.values()), "with nobody to spare it is uniform"


def test_power_of_choice_asks_first_whom_it_does_not_know() -> None:
    past = {node: Record(1, 1.0, 1.0, 9.0) for node in NODES[:18]}
    assert set(PowerOfChoice(2, among=20.0, seen=past)(NODES, stream(1, "select"))) == set(NODES[18:])


def test_fed_cs_fills_a_round_with_those_who_will_be_back() -> None:
    past = {node: Record(1, 5.0 * (place + 1), 1.0) for place, node in enumerate(NODES)}
    chosen = FedCs(10, deadline_s=30.0, among=2.0, seen=past)(NODES, stream(1, "select"))
    assert chosen == NODES[:6]


def test_fed_cs_asks_somebody_where_nobody_is_quick_enough() -> None:
    assert len(FedCs(4, deadline_s=1.0, seen=seen(seconds=50.0))(NODES, stream(1, "select"))) == 4


@pytest.mark.parametrize(
    "wrong", [lambda: Oort(0), lambda: PowerOfChoice(3, among=0.5), lambda: FedCs(3, deadline_s=0.0)]
)
def test_a_choice_that_asks_nobody_cannot_be_made(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"must be|asks nobody"):
        wrong()  # type: ignore[operator]
