"""One sum, whoever adds which part: the tree's branches, and strings instead of numbers to see every bracket."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.fleet import NodeId
from ganglion.core.rng import stream
from ganglion.learn import Population, branches, partial, whole
from ganglion.learn.select import Uniform


def plus(one: str, other: str) -> str:
    return f"({one}+{other})"


def test_ten_places_are_eight_and_two() -> None:
    assert list(branches((0, 10), 10)) == [(0, 10)]
    assert list(branches((3, 9), 10)) == [(3, 4), (4, 8), (8, 9)]
    assert partial((4, 7), 10, "efg", plus) == {(4, 6): "(e+f)", (6, 7): "g"}


@given(total=st.integers(1, 70), cuts=st.sets(st.integers(1, 69)))
def test_any_runs_give_the_same_brackets(total: int, cuts: set[int]) -> None:
    terms = [str(place) for place in range(total)]
    ends = [0, *sorted(cut for cut in cuts if cut < total), total]
    parts: dict[tuple[int, int], str] = {}
    for first, end in itertools.pairwise(ends):
        made = partial((first, end), total, terms[first:end], plus)
        assert len(made) <= 2 * total.bit_length()
        parts |= made
    assert whole(parts, total, plus) == partial((0, total), total, terms, plus)[0, total]


def test_a_missing_part_is_named() -> None:
    with pytest.raises(ValueError, match="place 1 of 3"):
        whole({(0, 1): "a", (2, 3): "c"}, 3, plus)
    with pytest.raises(ValueError, match="over no update"):
        whole({}, 0, plus)


def test_a_population_is_its_names_without_holding_them() -> None:
    few = Population(12)
    assert list(few[9:]) == ["client-09", "client-10", "client-11"] and NodeId("client-07") in few
    assert [few.index(name) for name in few] == list(range(12)) and few[-1] == "client-11"
    for wrong in ("client-12", "client-7", "node-03", "client-"):
        assert wrong not in few
    with pytest.raises(IndexError, match="no client 12"):
        few[12]
    assert Uniform(5)(few, stream(3, "s")) == Uniform(5)(tuple(few)[::-1], stream(3, "s"))
