"""Planners: exact against every placement, proved by their flow, and quick beside networkx and beside a re-plan."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np

from ..core.errors import ConfigError
from ..core.rng import stream
from ..plan.cut import Chain, Graph, Limits, Nodes, Places, bill, min_cut, network, split
from .planner_cases import Case, cheapest, large_case, random_case, random_chain, random_places

Result = dict[str, Any]
DAGS, QUICK_DAGS = 500, 60
RATIO, QUICK_RATIO = 8.0, 4.0  # of networkx's preflow_push to ours
CUT_MS, REPLAN_MS = 15.0, 1.0  # thread CPU time, medians
TURNS, QUICK_TURNS = 11, 3  # large graphs; the first warms up and is left out
REPLANS = 200


def run(quick: bool, seed: int) -> Result:
    """Rows of what agreed and what it took. Quick: fewer graphs, and only ratios are bars, not milliseconds."""
    rows = [
        *_exact(QUICK_DAGS if quick else DAGS, seed),
        _chains(20 if quick else 100, seed),
        _beside_networkx(quick, seed),
        _replan(quick, seed),
    ]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _exact(count: int, seed: int) -> list[Result]:
    """Small graphs: at most 11 kernels at up to 3 places, 9 at 4; every fourth over a tree of two devices."""
    wrong = unproved = placements = impossible = inside = 0
    for turn in range(count):
        rng = stream(seed, "planner", turn)
        places = 2 + turn % 3
        tree = turn % 4 == 1 and places > 2
        case = random_case(rng, int(rng.integers(4, 10 if places == 4 else 12)), places, tree)
        try:
            found = min_cut(Graph.of(case.model), case.costs)
        except ConfigError:
            impossible += 1
            wrong += np.isfinite(cheapest(case, 1e-9)[0])
            continue
        least, tried = cheapest(case, found.certificate.quantum)
        placements += tried
        wrong += least != found.certificate.cut
        unproved += not found.certificate.exact
        inside += len(set(found.cut.places)) > 1
    return [
        {
            "what": "graphs whose cut is not the cheapest of all placements, in quanta",
            "cases": count,
            "placements": placements,
            "inside": inside,
            "impossible": impossible,
            "value": int(wrong),
            "bar": "0",
            "ok": bool(wrong == 0),
        },
        {
            "what": "graphs whose flow is not their cut",
            "cases": count,
            "value": unproved,
            "bar": "0",
            "ok": not unproved,
        },
    ]


def _chains(count: int, seed: int) -> Result:
    """Chains with exits, wires and memory limits: the choice against the bill of each way by itself."""
    wrong = tried = 0
    for turn in range(count):
        rng = stream(seed, "chain", turn)
        chain, places = random_chain(rng, 5, 3, 2), random_places(rng, 2 + turn % 2)
        limits, least = Limits(accuracy=0.9), float("inf")
        for cut in combinations_with_replacement(range(6), len(places.links)):
            for wires in product(range(3), repeat=len(places.links)):
                if _fits(chain, places, cut, wires):
                    both = (bill(chain, places, (setting, cut, wires)).figures for setting in range(2))
                    kept = [figures.latency_s for figures in both if figures.accuracy >= limits.accuracy - 1e-12]
                    tried, least = tried + 2, min([least, *kept])
        best = split([chain], places, limits).figures.latency_s
        wrong += not np.isclose(best, least, rtol=1e-9)
    what = "chains whose choice is not the best of all ways"
    return {"what": what, "cases": count, "placements": tried, "value": wrong, "bar": "0", "ok": wrong == 0}


def _fits(chain: Chain, places: Places, cut: Sequence[int], wires: Sequence[int]) -> bool:
    """Whether memory suffices, and a host that only passes a tensor on does not write it anew."""
    n = len(chain.boundaries)
    for host, first, last in zip(places.hosts, (0, *cut), (*cut, n), strict=True):
        held = chain.weight_bytes[first:last].sum() + chain.peak_bytes[first:last].max(initial=0.0)
        if last > first and host.memory_bytes is not None and held > host.memory_bytes:
            return False
    pairs = zip(cut, cut[1:], wires, wires[1:], strict=False)
    return all(a != b or a == n or one == other for a, b, one, other in pairs)


def _beside_networkx(quick: bool, seed: int) -> Result:
    """1,000 kernels at 3 places: all of ours, from costs to cut, beside the solver alone of networkx."""
    import networkx

    ours, theirs, apart = [], [], 0
    for turn in range((QUICK_TURNS if quick else TURNS) + 1):
        case = large_case(stream(seed, "large", turn), 1000, 3)
        graph = Graph.of(case.model)
        ours_s, found = _spent(partial(min_cut, graph, case.costs))
        flow = networkx.DiGraph()
        constant = _copied(flow, graph, case, found.certificate.quantum)
        solver = networkx.algorithms.flow.preflow_push
        theirs_s, value = _spent(partial(networkx.minimum_cut_value, flow, 0, 1, flow_func=solver))
        apart += int(value) + constant != found.certificate.cut
        if turn:
            ours.append(ours_s * 1e3)
            theirs.append(theirs_s * 1e3)
    ratio, ms = float(np.median(theirs) / np.median(ours)), float(np.median(ours))
    least = QUICK_RATIO if quick else RATIO
    row = {
        "what": "1,000 kernels at 3 places: networkx preflow_push of ours",
        "cases": len(ours),
        "value": round(ratio, 1),
        "ours_ms": round(ms, 2),
        "networkx_ms": round(float(np.median(theirs)), 1),
        "differ": apart,
        "bar": f">= {least:g}, equal" + ("" if quick else f", <= {CUT_MS:g} ms"),
    }
    return {**row, "ok": ratio >= least and not apart and (quick or ms <= CUT_MS)}


def _copied(flow: Any, graph: Graph, case: Case, quantum: float) -> int:
    """The same network in networkx; what every placement costs besides the cut."""
    costs = case.costs.check(graph)
    net = network(graph, costs, Nodes.of(graph, costs), quantum)
    added: dict[tuple[int, int], float] = {}
    for tail, head, capacity in zip(net.tail.tolist(), net.head.tolist(), net.capacity.tolist(), strict=True):
        added[tail, head] = added.get((tail, head), 0.0) + capacity
    for (tail, head), capacity in added.items():
        flow.add_edge(tail, head, **({"capacity": int(capacity)} if np.isfinite(capacity) else {}))
    return int(net.constant)


def _replan(quick: bool, seed: int) -> Result:
    """50 cuts, 3 places, 16 pairs of wires, least accuracy, memory and privacy kept: again for every rate of a link."""
    rng = stream(seed, "replan")
    chain, places = random_chain(rng, 50, 4), random_places(rng, 3)
    spent = []
    for turn in range(REPLANS):
        first = places.links[0]
        changed = type(first)(first.name, first.up_bytes_s * (1 + turn / 50), first.down_bytes_s, first.delay_s)
        now = Places(places.hosts, (changed, *places.links[1:]), places.price_s, places.price_byte)
        seconds, _ = _spent(partial(split, [chain], now, Limits(accuracy=0.9)))
        spent.append(seconds * 1e3)
    ms = float(np.median(spent))
    row = {"what": "re-plan of a chain of 50 cuts at 3 places with 16 pairs of wires, ms", "cases": REPLANS}
    row |= {"value": round(ms, 3), "p95": round(float(np.percentile(spent, 95)), 3)}
    return row if quick else {**row, "bar": f"<= {REPLAN_MS:g}", "ok": ms <= REPLAN_MS}


def _spent(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this thread, and what came of it."""
    began = time.thread_time()
    made = work()
    return time.thread_time() - began, made
