"""The bench of planners: its references are what they claim, and its quick run finds every equality kept."""

from __future__ import annotations

import numpy as np

from ganglion.bench.planner import run
from ganglion.bench.planner_cases import cheapest, every_placement, needs, random_case
from ganglion.plan.cut import Graph, min_cut, total


def test_a_quick_run_keeps_every_equality() -> None:
    rows = {row["what"]: row for row in run(True, 3)["rows"]}
    exact = [row for what, row in rows.items() if what.startswith(("graphs", "chains"))]
    assert len(exact) == 3 and all(row["ok"] and row["value"] == 0 for row in exact)
    assert exact[0]["inside"] > 10  # cuts that lie inside a model, or equality would say little
    beside = next(row for what, row in rows.items() if "networkx" in what)
    assert beside["differ"] == 0 and beside["ours_ms"] > 0


def test_the_reference_prices_every_placement_like_the_total() -> None:
    for seed in range(12):
        case = random_case(np.random.default_rng(seed), 6, 3, tree=seed % 2 == 1)
        graph = Graph.of(case.model)
        costs, at = case.costs.check(graph), every_placement(case)
        prices = [total(graph, costs, np.maximum(row, 0), 1e-6) for row in at]
        assert min(prices) == cheapest(case, 1e-6)[0]


def test_the_reference_leaves_out_no_placement() -> None:
    case = random_case(np.random.default_rng(2), 5, 3)
    graph = Graph.of(case.model)
    movers = sorted(needs(case.model))
    assert movers == graph.movers.tolist()
    costs = case.costs.check(graph)
    valid = 0
    for places in np.ndindex(*[3] * len(movers)):
        at = np.zeros(len(case.model.kernels), np.int64)
        at[movers] = places
        free = total(
            graph,
            type(costs)(np.zeros_like(costs.compute), np.zeros_like(costs.send), costs.delay * 0, costs.reach).check(
                graph
            ),
            at,
        )
        valid += bool(np.isfinite(free))
    assert valid == len(every_placement(case))


def test_a_cut_of_the_reference_is_a_cut_of_the_planner() -> None:
    case = random_case(np.random.default_rng(5), 8, 3)
    found = min_cut(Graph.of(case.model), case.costs)
    movers = sorted(needs(case.model))
    assert (every_placement(case)[:, movers] == np.array(found.cut.places)[movers]).all(1).any()
