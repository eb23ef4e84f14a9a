"""Chains over places: the table equals the bill of every way, the choice is the best of them, and limits hold."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import combinations_with_replacement, product

import numpy as np
import pytest

from ganglion.bench.planner_cases import random_case, random_chain, random_places
from ganglion.core.errors import ConfigError
from ganglion.core.fleet import Link, Node, NodeId
from ganglion.core.label import REACH, Form, Tier, Zone
from ganglion.core.model import Kernel, Model
from ganglion.plan.cut import (
    Chain,
    Costs,
    Figures,
    Graph,
    Limits,
    Places,
    Segments,
    Split,
    Table,
    Wire,
    bill,
    column,
    min_cut,
    split,
)

FIGURES = [one.name for one in fields(Figures)]


def ways(chain: Chain, places: Places, limits: Limits) -> list[tuple[tuple[int, ...], tuple[int, ...], int, Figures]]:
    """Every cut, wires and setting that keep the limits, found one by one from what the nouns say."""
    n, links, found = len(chain.boundaries), len(places.links), []
    ends = (0, n) if limits.whole else range(n + 1)
    for cut in combinations_with_replacement(ends, links):
        for wires, setting in product(product(range(len(chain.wires)), repeat=links), range(len(chain.thresholds))):
            if _allowed(chain, places, limits.tier, cut, wires):
                figures = bill(chain, places, (setting, cut, wires)).figures
                kept = figures.tail_s <= limits.deadline_s and figures.accuracy >= limits.accuracy - 1e-12
                if kept and figures.energy_j <= limits.energy_j and figures.price <= limits.price:
                    found.append((cut, wires, setting, figures))
    return found


def _allowed(chain: Chain, places: Places, tier: Tier, cut: tuple[int, ...], wires: tuple[int, ...]) -> bool:
    n = len(chain.boundaries)
    for link, (at, wire) in enumerate(zip(cut, wires, strict=True)):
        if at == n:
            if wire:  # nothing is sent, so wires would only repeat the way
                return False
            continue
        there, home = places.hosts[link + 1], places.hosts[0]
        farthest = REACH[tier][Form.FEATURE if at else Form.RAW]
        if farthest is Zone.DEVICE or there.zone > farthest or (farthest is Zone.EDGE and there.site != home.site):
            return False
        if not np.isfinite(chain.wire_bytes[wire, at]) or (link and cut[link - 1] == at and wires[link - 1] != wire):
            return False
    for host, (first, last) in zip(places.hosts, zip((0, *cut), (*cut, n), strict=True), strict=True):
        held = chain.weight_bytes[first:last].sum() + chain.peak_bytes[first:last].max(initial=0.0)
        if host.memory_bytes is not None and last > first and held > host.memory_bytes:
            return False
    return True


@pytest.mark.parametrize(
    ("segments", "hosts", "wires", "settings"), [(6, 1, 3, 2), (8, 2, 3, 3), (6, 3, 3, 2), (4, 4, 2, 2), (3, 5, 2, 1)]
)
def test_every_column_is_what_the_bill_says(segments: int, hosts: int, wires: int, settings: int) -> None:
    rng = np.random.default_rng(segments + hosts)
    chain, places = random_chain(rng, segments, wires, settings), random_places(rng, hosts)
    table = Table(chain, places)
    columns = {name: np.broadcast_to(column(table, name), table.shape) for name in FIGURES}
    for setting, *written, row in np.ndindex(table.shape):
        cut = tuple(table.cuts[row, 1:-1].tolist())
        allowed = _allowed(chain, places, Tier.PUBLIC, cut, tuple(written))
        assert table.possible[*written, row] == allowed
        if allowed:
            figures = bill(chain, places, (setting, cut, tuple(written))).figures
            for name in FIGURES:
                assert columns[name][setting, *written, row] == pytest.approx(getattr(figures, name), rel=1e-9), name


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("objective", ["latency", "energy", "price", "accuracy", "throughput", "tail"])
def test_the_choice_is_the_best_of_all_ways(seed: int, objective: str) -> None:
    rng = np.random.default_rng(seed)
    chains = [random_chain(rng, 5, 3, 2, "fp32"), replace(random_chain(rng, 4, 2, 1, "int8"), accuracy=np.array([0.9]))]
    places = random_places(rng, 2 + seed % 2)
    tier = [Tier.PUBLIC, Tier.DERIVED, Tier.EDGE, Tier.USER][seed % 4]
    median = float(
        np.median([figures.tail_s for _, _, _, figures in ways(chains[0], places, Limits(tier=tier))] or [1])
    )
    limits = Limits(objective, tier, median * 1.2, 0.9, whole=seed % 5 == 4)
    found = [figures for chain in chains for *_, figures in ways(chain, places, limits)]
    name, sign = {"latency": ("latency_s", 1), "energy": ("energy_j", 1), "tail": ("tail_s", 1)}.get(
        objective, {"throughput": ("period_s", 1), "accuracy": ("accuracy", -1)}.get(objective, (objective, 1))
    )
    if not found:
        with pytest.raises(ConfigError, match="no way over"):
            split(chains, places, limits)
        return
    chosen = split(chains, places, limits)
    assert sign * getattr(chosen.figures, name) == pytest.approx(min(sign * getattr(one, name) for one in found))
    assert chosen.figures.tail_s <= limits.deadline_s and chosen.figures.accuracy >= limits.accuracy - 1e-12


def test_a_chain_and_its_graph_have_the_same_cheapest_cut() -> None:
    """Without exits and losses the collapsed chain and the whole graph must agree."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        names = [f"k{i}" for i in range(9)]
        kernels = tuple(
            Kernel(name, "op", (names[i - 1] if i else "input",), int(rng.integers(1, 10**6)), 10, 1)
            for i, name in enumerate(names)
        )
        graph = Graph.of(Model(kernels, (3, 8, 8), 2, ("k8",), (), "digest", ("input",), (768,)))
        parts = Segments.of_graph(graph)
        seconds, places = rng.gamma(1.0, 1e-3, 9), random_places(rng, 3)
        places = replace(places, hosts=tuple(replace(host, memory_bytes=None) for host in places.hosts))
        sizes = np.array([768, *(kernel.out_bytes for kernel in kernels)], float)
        chain = lossless(parts, seconds, sizes[:-1])
        rates = np.array([link.up_bytes_s for link in places.links])
        back = [link.delay_s + link.jitter_s + 64 / link.down_bytes_s for link in places.links]
        delay = np.array([link.delay_s + link.jitter_s for link in places.links]) + back
        speeds = np.array([host.slowdown for host in places.hosts])
        costs = Costs(seconds[:, None] * speeds, sizes[:, None] / rates, delay, np.ones(9))
        best, placed = split([chain], places, Limits()), min_cut(graph, costs)
        assert best.figures.latency_s == pytest.approx(placed.cost, rel=1e-6)
        assert parts.cut(best.cut).places == placed.cut.places


def lossless(parts: Segments, seconds: np.ndarray, sizes: np.ndarray) -> Chain:
    n = len(parts.boundaries)
    none = np.zeros((1, n))
    ends = parts.shares(np.array([[1.0]]))
    wires = (Wire(32, "raw"),)
    return Chain(
        "fp32",
        "digest",
        parts.boundaries,
        parts.sum(seconds),
        wires,
        sizes[None],
        np.zeros((2, 1, n)),
        none[None],
        ((0.0,),),
        ends,
        np.array([1.0]),
        parts.weight_bytes,
        parts.peak_bytes,
    )


def test_segments_end_where_one_tensor_is_all_that_follows() -> None:
    reads = {
        "stem": "input",
        "left": "stem",
        "right": "stem",
        "join": "left right",
        "flat": "join",  # free
        "exit": "flat",
        "body": "join",
        "end": "body",
    }
    kernels = tuple(
        Kernel(name, "op", tuple(given.split()), 10 * (i + 1), 7, 1, name == "flat")
        for i, (name, given) in enumerate(reads.items())
    )
    graph = Graph.of(Model(kernels, (1,), 2, ("exit", "end"), (), "digest", ("input",), (4,)))
    parts = Segments.of_graph(graph)
    assert parts.boundaries == ("input", "stem", "join", "body")  # left and right, join: two tensors or one
    assert dict(zip(reads, parts.of.tolist(), strict=True)) | {"flat": 0} == {
        "stem": 0, "left": 1, "right": 1, "join": 1, "flat": 0, "exit": 2, "body": 2, "end": 3,
    }  # fmt: skip
    assert parts.shares(np.array([0.3, 0.7])).tolist() == [[0.0, 0.0, 0.3, 0.7]]
    assert parts.peak_bytes.tolist() == [4 + 10, 20 + 30 + 40, 40 + 70, 70 + 80]
    cut = parts.cut((2, 3))
    cut.check(graph.model)
    assert cut.crossing(graph.model, 0) == ("join",)
    assert cut.crossing(graph.model, 1) == ("body",)


@pytest.mark.parametrize("seed", range(15))
def test_a_segment_boundary_is_all_that_crosses(seed: int) -> None:
    graph = Graph.of(random_case(np.random.default_rng(seed), 14, 3).model)
    parts = Segments.of_graph(graph)
    if len(graph.model.inputs) > 1 or any(name not in graph.model.exits for name in graph.model.outputs):
        return
    for at in range(1, len(parts.boundaries)):
        cut = parts.cut((at,))
        cut.check(graph.model)
        assert cut.crossing(graph.model, 0) == (parts.boundaries[at],)


def test_five_hops_are_planned_like_three() -> None:
    rng = np.random.default_rng(5)
    chain, places = random_chain(rng, 5, 2), random_places(rng, 6)
    found = ways(chain, places, Limits())
    assert split([chain], places, Limits()).figures.latency_s == min(f.latency_s for *_, f in found)


def test_private_samples_stay_where_their_tier_lets_them() -> None:
    rng = np.random.default_rng(1)
    chain, places = random_chain(rng, 6), random_places(rng, 3)
    places = replace(places, hosts=tuple(replace(host, memory_bytes=None) for host in places.hosts))
    n = len(chain.boundaries)
    far = {tier: split([chain], places, Limits(tier=tier)).cut for tier in Tier}
    assert far[Tier.USER] == (n, n)
    assert far[Tier.EDGE][1] == n
    assert far[Tier.DERIVED][1] > 0  # a feature may go to the cloud, the sample may not
    neighbour = Node(NodeId("beside"), Zone.DEVICE, NodeId("host1"))
    beside = Places((places.hosts[0], neighbour), (Link("side", 1e9, 1e9, 0.0),))
    assert split([chain], beside, Limits(tier=Tier.USER)).cut == (n,)  # another device is not one's own
    assert split([chain], beside, Limits(tier=Tier.EDGE)).cut == (0,)  # but it is at the same site
    away = replace(beside, hosts=(places.hosts[0], replace(neighbour, parent=NodeId("elsewhere"))))
    assert split([chain], away, Limits(tier=Tier.EDGE)).cut == (n,)


def test_too_many_ways_are_refused_before_they_fill_memory() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ConfigError, match="too many to try"):
        Table(random_chain(rng, 60, 6), random_places(rng, 6))


@pytest.mark.parametrize("change", [{"seconds": np.ones(3)}, {"shares": np.ones((1, 6))}, {"drop": np.ones((2, 4, 6))}])
def test_a_chain_that_does_not_fit_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"must be|add up"):
        replace(random_chain(np.random.default_rng(0), 6), **change)  # type: ignore[arg-type]


def test_a_split_says_what_crosses_and_how() -> None:
    rng = np.random.default_rng(0)
    chain, places = random_chain(rng, 6), random_places(rng, 3)
    found: Split = split([chain], places, Limits("energy"))
    for cut, tensor, wire in zip(found.cut, found.tensors, found.wires, strict=True):
        assert (tensor == "") == (wire is None) == (cut == 6)
        assert tensor in ("", *chain.boundaries)
