"""Around the choice: fronts, breakpoints, explanations, fleets, pipelines, baselines and files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.bench.planner_cases import every_placement, random_case, random_chain, random_model, random_places
from ganglion.core.errors import ConfigError
from ganglion.core.fleet import Fleet, Link, Node, NodeId
from ganglion.core.label import Tier, Zone
from ganglion.core.model import Kernel
from ganglion.core.profile import Profile, StageTime
from ganglion.plan.cut import (
    Chain,
    Graph,
    Hysteresis,
    LayerTimes,
    Limits,
    Places,
    PlanFile,
    Table,
    Wire,
    best_static,
    bottleneck,
    breakpoints,
    column,
    explain,
    min_cut,
    neurosurgeon,
    offload,
    pareto,
    paths,
    profile_digest,
    random_cut,
    regret_bound,
    single,
    split,
)
from ganglion.plan.cut.pareto import front
from ganglion.plan.cut.throughput import busy_s

FAST, SLOW = Link("fast", 1e8, 1e8, 0.001), Link("slow", 1e5, 1e6, 0.02)
FLEET = Fleet(
    (
        Node(NodeId("cloud"), Zone.CLOUD),
        Node(NodeId("edge"), Zone.EDGE, NodeId("cloud"), 4.0),
        Node(NodeId("camera"), Zone.DEVICE, NodeId("edge"), 40.0),
        Node(NodeId("box"), Zone.DEVICE, NodeId("edge"), 2.0),
    ),
    ((NodeId("edge"), SLOW), (NodeId("camera"), FAST), (NodeId("box"), FAST)),
)


def chain_of(seed: int = 0, **changes: object) -> Chain:
    return replace(random_chain(np.random.default_rng(seed), 6, 3, 2), **changes)  # type: ignore[arg-type]


def rated(places: Places, link: int, bytes_s: float) -> Places:
    links = list(places.links)
    links[link] = replace(links[link], up_bytes_s=bytes_s)
    return replace(places, links=tuple(links))


@settings(max_examples=60)
@given(points=st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=40))
def test_a_front_holds_exactly_what_nothing_beats(points: list[tuple[int, int, int]]) -> None:
    values = np.array(points, float).reshape(-1, 3)
    found = front(values).tolist()
    for i, one in enumerate(values):
        beaten = any((other <= one).all() and ((other < one).any() or j < i) for j, other in enumerate(values))
        assert (i in found) == (not beaten)


def test_a_pareto_front_holds_the_best_of_each_aim() -> None:
    chains, places = [chain_of(0), chain_of(1, variant="int8")], random_places(np.random.default_rng(0), 3)
    found = pareto(chains, places, Limits())
    for objective, name in (("latency", "latency_s"), ("energy", "energy_j"), ("price", "price")):
        best = split(chains, places, Limits(objective))
        assert min(getattr(one.figures, name) for one in found) == pytest.approx(getattr(best.figures, name))
    assert max(o.figures.accuracy for o in found) == split(chains, places, Limits("accuracy")).figures.accuracy
    rows = [(o.figures.latency_s, o.figures.energy_j, o.figures.price, -o.figures.accuracy) for o in found]
    assert rows == sorted(rows)
    assert not any(a != b and all(x <= y for x, y in zip(a, b, strict=True)) for a in rows for b in rows)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("link", [0, 1])
def test_breakpoints_are_what_a_solver_finds_at_each_rate(seed: int, link: int) -> None:
    rng = np.random.default_rng(seed)
    chains, places = [chain_of(seed), chain_of(seed + 1, variant="other")], random_places(rng, 3)
    limits = Limits(accuracy=0.9)
    found = breakpoints(chains, places, limits, link)
    edges = [piece.from_bytes_s for piece in found.pieces]
    assert edges == sorted(edges, reverse=True) and edges[-1] == 0.0
    for rate in [*np.geomspace(1e2, 1e10, 40), *(edge * by for edge in edges[:-1] for by in (0.999, 1.001))]:
        best = split(chains, rated(places, link, float(rate)), limits)
        assert found.at(float(rate)).latency_s(float(rate)) == pytest.approx(best.figures.latency_s, rel=1e-9)


def test_breakpoints_are_nested_where_the_far_place_is_quicker_everywhere() -> None:
    for seed in range(20):
        chain, places = chain_of(seed), random_places(np.random.default_rng(seed), 2)
        plain = replace(
            chain,
            wires=(Wire(32, "raw"),),
            wire_bytes=chain.wire_bytes[:1],
            codec_s=np.zeros((2, 1, 6)),
            drop=chain.drop[:, :1],
        )
        free = replace(places, hosts=tuple(replace(host, memory_bytes=None) for host in places.hosts))
        cuts = [piece.split.cut[0] for piece in breakpoints([plain], free, Limits(), 0).pieces]
        assert cuts == sorted(cuts)  # a slower link never leaves the near place less to do


def test_breakpoints_refuse_what_depends_on_the_rate() -> None:
    with pytest.raises(ConfigError, match="without a deadline"):
        breakpoints([chain_of()], random_places(np.random.default_rng(0), 2), Limits(deadline_s=1.0), 0)


def test_a_switch_must_pay() -> None:
    stay = Hysteresis(switch_s=2.0, requests=100)
    assert not stay(0.050, 0.035)  # 1.5 s saved until the next change
    assert stay(0.050, 0.025)


@pytest.mark.parametrize("objective", ["latency", "energy", "throughput"])
def test_an_explanation_adds_up(objective: str) -> None:
    chains, places = [chain_of(3), chain_of(4, variant="other")], random_places(np.random.default_rng(3), 3)
    limits = Limits(objective, accuracy=0.88)
    said = explain(chains, places, limits, error=0.1)
    assert said.plan == split(chains, places, limits)
    assert said.parts.figures == said.plan.figures
    spent = sum(one.compute_s for one in said.parts.hosts) + sum(one.share * one.whole_s for one in said.parts.links)
    assert spent == pytest.approx(said.plan.figures.latency_s)
    assert said.next_best is not None and said.behind >= 0 and said.kept <= said.tried
    other = said.next_best
    assert (other.cut, other.variant, other.thresholds) != (said.plan.cut, said.plan.variant, said.plan.thresholds)
    assert json.loads(json.dumps(asdict(said)))["plan"]["variant"] == said.plan.variant


def test_the_regret_bound_holds_whatever_the_errors_are() -> None:
    chain, places = chain_of(7), random_places(np.random.default_rng(7), 3)
    table, error = Table(chain, places), 0.08
    guessed = np.where(table.possible, column(table, "latency_s"), np.inf).ravel()
    said = explain([chain], places, Limits(), error)
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(300):
        true = guessed * (1.0 + error * rng.choice([-1.0, 1.0], guessed.shape))
        worst = max(worst, float(true[guessed.argmin()] / true.min() - 1.0))
    assert said.regret is not None and 0.0 < worst <= said.regret + 1e-12
    assert regret_bound(1.0, 1.5, 0.1) == 0.0  # too far ahead to be wrong


def test_paths_lead_outwards_and_past_neighbours() -> None:
    side = Link("side", 1e9, 1e9, 0.0)
    found = {row.names for row in paths(FLEET, NodeId("camera"), ((NodeId("box"), NodeId("camera"), side),))}
    assert found == {
        ("camera",),
        ("camera", "edge"),
        ("camera", "edge", "cloud"),
        ("camera", "box"),
        ("camera", "box", "edge"),
        ("camera", "box", "edge", "cloud"),
    }
    assert {row.names for row in paths(FLEET, NodeId("edge"))} == {("edge",), ("edge", "cloud")}


def test_a_peer_may_be_the_best_place() -> None:
    chain, side = chain_of(2), Link("side", 1e9, 1e9, 1e-5)
    alone = offload([chain], FLEET, NodeId("camera"), Limits())
    beside = offload([chain], FLEET, NodeId("camera"), Limits(), [(NodeId("camera"), NodeId("box"), side)])
    assert "box" not in {name for one in alone for name in one.hosts}
    assert beside[0].hosts == ("camera", "box") and beside[0].figures.latency_s < alone[0].figures.latency_s
    assert [o.figures.latency_s for o in beside] == sorted(o.figures.latency_s for o in beside)


def test_all_or_nothing_leaves_one_host_everything() -> None:
    n = len(chain_of().boundaries)
    for one in offload([chain_of()], FLEET, NodeId("camera"), Limits(whole=True)):
        assert set(one.cut) <= {0, n}
    with pytest.raises(ConfigError, match="camera finds no way"):
        offload([chain_of()], FLEET, NodeId("camera"), Limits(deadline_s=1e-9))


@pytest.mark.parametrize("seed", range(8))
def test_a_bottleneck_lies_between_its_bound_and_what_is_said(seed: int) -> None:
    case = random_case(np.random.default_rng(seed), 7, 3)
    graph = Graph.of(case.model)
    costs = case.costs.check(graph)
    try:
        min_cut(graph, costs)
    except ConfigError:
        return
    found = bottleneck(graph, costs)
    placements = np.where(every_placement(case) < 0, 0, every_placement(case))
    busiest = [busy_s(graph, costs, at) for at in placements]
    least = min(float(one.max()) for one in busiest if np.isfinite(one).all())
    assert found.bound_s <= least * (1 + 1e-6) and least <= found.period_s * (1 + 1e-9)
    assert found.gap >= -1e-6


def test_baselines_are_what_they_say() -> None:
    chain, places = chain_of(), random_places(np.random.default_rng(0), 3)
    places = replace(places, hosts=tuple(replace(host, memory_bytes=None) for host in places.hosts))
    alone = single(chain, places, Limits())
    assert set(alone) == {"only host0"} | {f"only host{k}, {wire}" for k in (1, 2) for wire in chain.wires}
    assert alone["only host0"].cut == (6, 6) and alone["only host1, 8-bit raw"].cut == (0, 6)
    best = split([chain], places, Limits())
    assert all(best.figures.latency_s <= one.figures.latency_s for one in alone.values())
    assert random_cut(chain, places, Limits(), np.random.default_rng(1)).figures.latency_s >= best.figures.latency_s
    rates = [rated(places, 0, rate) for rate in (1e4, 1e6, 1e8)]
    fixed, free = best_static(chain, rates, Limits()), [split([chain], one, Limits()) for one in rates]
    assert len({(one.cut, one.wires) for one in fixed}) == 1
    assert all(a.figures.latency_s >= b.figures.latency_s for a, b in zip(fixed, free, strict=True))
    assert np.mean([one.figures.latency_s for one in free]) <= np.mean([o.figures.latency_s for o in fixed])


def test_regressions_find_linear_times_again_and_cut_by_them() -> None:
    rng = np.random.default_rng(0)
    kernels = [
        Kernel(
            f"k{i}",
            kind,
            (),
            int(rng.integers(10**3, 10**6)),
            int(rng.integers(0, 10**6)),
            int(rng.integers(10**5, 10**8)),
        )
        for i, kind in enumerate(["conv", "dense"] * 20)
    ]
    true = np.array([1e-4 + one.flops * 1e-10 * (1 + (one.op == "dense")) + one.out_bytes * 1e-9 for one in kernels])
    known = LayerTimes.fit(kernels[:30], true[:30])
    assert known(kernels[30:]) == pytest.approx(true[30:], rel=1e-6)
    assert known([Kernel("new", "odd", (), 1, 1, 1)]).tolist() == [0.0]
    chain, places = chain_of(), random_places(np.random.default_rng(0), 3)
    cut = neurosurgeon(chain, chain.seconds, places, Limits())
    assert cut.cut[0] == cut.cut[1] and cut.wires[0] in (None, chain.wires[0])
    assert cut.figures.latency_s >= split([chain], places, Limits()).figures.latency_s
    with pytest.raises(ValueError, match="no single cut"):
        neurosurgeon(chain, chain.seconds, places, Limits(deadline_s=1e-9))


def plan_file() -> tuple[PlanFile, Graph, str]:
    model = random_model(np.random.default_rng(4), 8)
    graph = Graph.of(model)
    case = random_case(np.random.default_rng(4), 8, 2)
    profile = profile_digest([Profile("w", "any", "test", 1, "cpu", "measured", (StageTime(0, 1, 0.1, 0.2),))])
    cut = min_cut(Graph.of(case.model), case.costs).cut
    return PlanFile.of(cut, case.model, ("camera", "cloud"), [("wifi", "8-bit raw")], profile, "why"), graph, profile


def test_a_plan_file_is_read_back_as_it_was() -> None:
    made, _, profile = plan_file()
    case = random_case(np.random.default_rng(4), 8, 2)
    again = PlanFile.read(made.text(), "random", profile)
    assert again == made
    assert again.cut(case.model) == min_cut(Graph.of(case.model), case.costs).cut
    assert again.text() == made.text()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text, "made for profile"),
        (lambda text: text.replace('"model": "random"', '"model": "newer"'), "made for model newer"),
        (lambda text: text.replace('"format": 2', '"format": 9'), "format 9"),
        (lambda text: text.replace('"why"', '"reason"'), "this is no plan"),
        (lambda text: text[:-9], "this is no plan"),
        (lambda text: "[]", "this is no plan"),
        (lambda text: text.replace('"k0": "camera"', '"k0": "elsewhere"'), "hosts beside its own"),
    ],
)
def test_a_stale_or_damaged_plan_is_refused(damage: object, said: str) -> None:
    made, _, profile = plan_file()
    with pytest.raises(ConfigError, match=said):
        PlanFile.read(damage(made.text()), "random", profile if "profile" not in said else "other")  # type: ignore[operator]


def test_a_measurement_more_is_another_profile() -> None:
    one = Profile("w", "any", "test", 1, "cpu", "measured", (StageTime(0, 1, 0.1, 0.2),))
    assert profile_digest([one]) != profile_digest([replace(one, stages=(StageTime(0, 1, 0.1, 0.3),))])


def test_user_private_work_stays_on_its_device() -> None:
    for one in offload([chain_of()], FLEET, NodeId("camera"), Limits(tier=Tier.USER)):
        assert set(one.tensors) <= {""}
