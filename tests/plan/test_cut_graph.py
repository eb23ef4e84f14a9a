"""Minimum cuts: equal to the cheapest of all placements, proved by their flow, and keeping every limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.bench.planner_cases import Case, cheapest, large_case, random_case
from ganglion.core.errors import ConfigError
from ganglion.core.model import Kernel, Model
from ganglion.plan.cut import Costs, Graph, dads, min_cut, reach, total

INF = float("inf")


def model(*kernels: tuple[str, str], free: str = "", exits: tuple[str, ...] = ()) -> Model:
    """A model from pairs of a kernel and what it reads, such as ("c", "a b")."""
    made = tuple(Kernel(name, "op", tuple(given.split()), 8, 0, 1, name in free.split()) for name, given in kernels)
    inputs = tuple(sorted({one for kernel in made for one in kernel.inputs if one.startswith("in")}))
    return Model(made, (1,), 2, exits or (made[-1].name,), (), "digest", inputs)


def costs(compute: list[list[float]], send: list[list[float]], delay: list[float], **more: object) -> Costs:
    filled = {"reach": np.ones(len(compute)), **more}
    return Costs(np.array(compute, float), np.array(send, float), np.array(delay), **filled)  # type: ignore[arg-type]


DIAMOND = model(("a", "in"), ("b", "a"), ("c", "a"), ("d", "b c"))
SLOW = [[1.0, 0.0], [5.0, 0.0], [5.0, 0.0], [1.0, 0.0]]  # a is quick at the near place, b and c are not


def test_a_tensor_is_paid_once_however_many_read_it() -> None:
    found = min_cut(Graph.of(DIAMOND), costs(SLOW, [[9.0], [3.0], [2.0], [2.0], [9.0]], [0.5]))
    assert found.cut.places == (0, 1, 1, 1)
    assert found.cost == pytest.approx(1.0 + 3.0 + 0.5)  # a here, its tensor once, the delay once
    assert found.certificate.exact


def test_who_pays_per_edge_cuts_elsewhere() -> None:
    dear = costs([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [9.0, 0.0]], [[9.0], [3.0], [2.0], [2.0], [9.0]], [0.5])
    graph = Graph.of(DIAMOND)
    assert min_cut(graph, dear).cost == pytest.approx(1.0 + 3.0 + 0.5)
    cut, cost = dads(graph, dear, dear)  # it thinks that a's tensor costs 6, and sends b's and c's
    assert cut.places == (0, 0, 0, 1)
    assert cost == pytest.approx(3.0 + 4.0 + 0.5)


def test_a_free_kernel_is_computed_again_and_never_sent() -> None:
    graph = Graph.of(model(("a", "in"), ("mask", "a"), ("b", "mask"), ("c", "b mask"), free="mask"))
    dear = costs([[1.0, 0.0], [9.0, 9.0], [1.0, 0.0], [9.0, 0.0]], [[9.0], [1.0], [50.0], [2.0], [9.0]], [0.0])
    found = min_cut(graph, dear)
    assert found.cut.places == (0, 1, 1, 1)  # a's tensor stands for the mask at both places
    assert found.cost == pytest.approx(1.0 + 1.0)
    assert found.cut.crossing(graph.model, 0) == ("a",)


def test_delay_and_tensors_cost_as_often_as_they_are_needed() -> None:
    early = model(("a", "in"), ("exit", "a"), ("b", "a"), ("end", "b"), exits=("exit", "end"))
    graph = Graph.of(early)
    needed = reach(graph, np.array([0.75, 0.25]))
    assert needed.tolist() == [1.0, 1.0, 0.25, 0.25]
    dear = costs([[1.0, 9.0], [1.0, 9.0], [8.0, 0.0], [8.0, 0.0]], [[9.0], [4.0], [9.0], [9.0], [9.0]], [2.0])
    found = min_cut(graph, replace(dear, reach=needed))
    assert found.cut.places == (0, 0, 1, 1)
    assert found.cost == pytest.approx(1.0 + 1.0 + 0.25 * 4.0 + 0.25 * 2.0)


def test_a_tensor_that_may_not_cross_stays() -> None:
    free_link = costs(SLOW, [[INF], [INF], [2.0], [2.0], [9.0]], [0.5])
    assert min_cut(Graph.of(DIAMOND), free_link).cut.places == (0, 0, 0, 0)  # 12 here, 11 + 4.5 beyond b and c
    one_way = replace(free_link, compute=np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [INF, 0.0]]))
    assert min_cut(Graph.of(DIAMOND), one_way).cut.places == (0, 0, 0, 1)
    with pytest.raises(ConfigError, match="every placement breaks a limit"):
        min_cut(Graph.of(DIAMOND), replace(one_way, send=np.full((5, 1), INF)))


def test_an_answer_from_afar_must_come_home() -> None:
    near = costs(SLOW, [[9.0], [3.0], [2.0], [2.0], [9.0]], [0.5], answer=np.array([[0, 0]] * 3 + [[0, 8.0]]))
    assert min_cut(Graph.of(DIAMOND), near).cut.places == (0, 0, 0, 0)


def test_two_towers_stay_with_their_devices() -> None:
    graph = Graph.of(model(("left", "in1"), ("right", "in2"), ("head", "left right")))
    dear = costs(
        [[1.0, 9.0, 0.5], [9.0, 1.0, 0.5], [5.0, 5.0, 1.0]],
        [[9.0, 9.0], [9.0, 9.0], [0.2, 0.2], [0.2, 0.2], [1.0, 1.0]],
        [0.1, 0.1],
        above=(2, 2),
        origin=(0, 1),
    )
    found = min_cut(graph, dear)
    assert found.cut.places == (0, 1, 2)
    assert found.cost == pytest.approx(1.0 + 1.0 + 1.0 + 0.2 + 0.2 + 0.1 + 0.1)


@pytest.mark.parametrize("seed", range(40))
def test_no_placement_is_cheaper(seed: int) -> None:
    rng = np.random.default_rng(seed)
    places = 2 + seed % 3
    case = random_case(rng, int(rng.integers(2, 8 if places == 4 else 9)), places, tree=seed % 4 == 1 and places > 2)
    graph = Graph.of(case.model)
    try:
        found = min_cut(graph, case.costs)
    except ConfigError:
        assert cheapest(case, 1e-9)[0] == INF
        return
    proof = found.certificate
    assert proof.flow == proof.cut == cheapest(case, proof.quantum)[0]
    assert abs(found.cost - proof.cut * proof.quantum) <= proof.error
    if not case.costs.above:
        found.cut.check(case.model)
    assert min_cut(graph, case.costs, 1e-5).cost <= found.cost + min_cut(graph, case.costs, 1e-5).certificate.error


@pytest.mark.parametrize("places", [2, 3, 5])
def test_the_flow_proves_large_cuts_too(places: int) -> None:
    case = large_case(np.random.default_rng(places), 300, places)
    found = min_cut(Graph.of(case.model), case.costs)
    assert found.certificate.exact
    assert len(set(found.cut.places)) > 1  # the cut is inside
    found.cut.check(case.model)
    moved = np.array(found.cut.places)
    graph, checked = Graph.of(case.model), case.costs.check(Graph.of(case.model))
    for v in graph.movers[:50].tolist():  # no neighbour that moves one kernel is cheaper
        for place in range(places):
            other = moved.copy()
            other[v] = place
            assert total(graph, checked, other) >= found.cost - found.certificate.error


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_cuts_are_nested_in_the_rate_where_the_far_place_is_quicker_everywhere(seed: int) -> None:
    """Gallo, Grigoriadis and Tarjan 1989: with one-sided node costs a slower link keeps what was near, and adds."""
    rng = np.random.default_rng(seed)
    case: Case = random_case(rng, int(rng.integers(3, 30)), 2)
    graph, near = Graph.of(case.model), rng.gamma(1.0, 1e-3, len(case.model.kernels))
    send = np.where(np.isfinite(case.costs.send), case.costs.send, 1e-3)
    kept: set[int] = set()
    for slowness in np.geomspace(0.01, 100.0, 12):
        compute = np.stack([near, near * 0.2], axis=1)
        link = {"send": send * slowness, "delay": case.costs.delay * slowness}  # a fixed delay would not nest them
        found = min_cut(graph, replace(case.costs, compute=compute, answer=np.zeros((0, 0)), **link))
        here = {v for v in graph.movers.tolist() if found.cut.places[v] == 0}
        assert kept <= here
        kept = here


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"compute": np.ones((4, 3))}, "send is"),
        ({"send": np.ones((4, 1))}, "send is"),
        ({"delay": np.array([-1.0])}, "0 or more"),
        ({"delay": np.array([INF])}, "delay must be finite"),
        ({"reach": np.array([0.1, 1.0, 1.0, 1.0])}, "reach grows"),
        ({"above": (0,)}, "above is"),
        ({"origin": (2,)}, "origin is"),
    ],
)
def test_costs_that_do_not_fit_are_named(change: dict[str, object], said: str) -> None:
    good = costs(SLOW, [[9.0], [3.0], [2.0], [2.0], [9.0]], [0.5])
    with pytest.raises(ConfigError, match=said):
        min_cut(Graph.of(DIAMOND), replace(good, **change))  # type: ignore[arg-type]


def test_a_quantum_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="too fine"):
        min_cut(Graph.of(DIAMOND), costs(SLOW, [[9.0], [3.0], [2.0], [2.0], [9.0]], [0.5]), 1e-12)


def test_a_graph_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="b reads 'c'"):
        Graph.of(model(("a", "in"), ("b", "c"), ("c", "a")))
    with pytest.raises(ConfigError, match="mark it free"):
        Graph.of(model(("a", "in"), ("constant", ""), ("c", "a constant")))
    with pytest.raises(ConfigError, match="add up to 1"):
        reach(Graph.of(DIAMOND), np.array([0.5, 0.4]))
