"""Seeded models for planners, and every placement of a small one, priced one by one without any solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..core.fleet import Link, Node, NodeId, Power
from ..core.label import Zone
from ..core.model import Kernel, Model
from ..plan.cut import Chain, Costs, Graph, Places, Wire, reach

Ints = NDArray[np.int64]
SPEED = (12.0, 4.0, 1.0, 0.7, 0.4, 0.3)  # how slow places are, from the inputs on


@dataclass(frozen=True, eq=False)
class Case:
    """A model and what it costs."""

    model: Model
    costs: Costs


def random_model(rng: Generator, count: int, reads: int = 6, inputs: int = 1) -> Model:
    """Kernels that read a few of those shortly before them; some are free, and two exits end requests early."""
    names, kernels = [f"input{i}" for i in range(inputs)], list[Kernel]()
    for k in range(count):
        near = names[-reads:]
        given = {names[k]} if k < inputs else {near[-1] if rng.random() < 0.7 else str(rng.choice(near))}
        while rng.random() < 0.35:
            given.add(str(rng.choice(near)))
        kind = str(rng.choice(["conv", "dense", "add"]))
        free = bool(rng.random() < 0.15)
        size = int(rng.integers(1, 1000))
        kernels.append(Kernel(f"k{k}", kind, tuple(sorted(given)), size, 10 * size, size * 100, free))
        names.append(f"k{k}")
    exits = (f"k{count // 2}", f"k{count - 1}") if count > 3 and rng.random() < 0.5 else (f"k{count - 1}",)
    read = {name for kernel in kernels for name in kernel.inputs}
    ends = [kernel.name for kernel in kernels if kernel.name not in read]
    outputs = tuple(dict.fromkeys([*exits, *ends]))
    return Model(tuple(kernels), (1,), 2, exits, ("input0",), "random", tuple(names[:inputs]), (), outputs)


def random_case(rng: Generator, count: int, places: int, tree: bool = False) -> Case:
    """Costs of all kinds: some kernels and tensors are forbidden, answers come home, few requests go beyond an exit."""
    inputs = 2 if tree else int(rng.integers(1, 3)) if count > 2 else 1
    model = random_model(rng, count, inputs=inputs)
    graph, links = Graph.of(model), places - 1
    base = rng.gamma(1.0, 1e-3, (count, 1))
    compute = base * np.array(SPEED[:places]) * rng.uniform(0.5, 1.5, (count, places))
    send = rng.gamma(1.0, 6e-3, (inputs + count, 1)) * rng.uniform(0.3, 1.5, (inputs + count, links))
    answer = np.zeros((count, places))
    answer[graph.results] = np.cumsum(rng.uniform(0, 1e-3, places)) * rng.uniform(0, 1, (len(graph.results), 1))
    if rng.random() < 0.5:
        send[rng.random(send.shape) < 0.1] = np.inf
        compute[:, 0][rng.random(count) < 0.1] = np.inf
    first = float(rng.uniform(0.2, 0.95)) if len(model.exits) > 1 else 1.0
    needed = reach(graph, np.array([first, 1.0 - first][: len(model.exits)]))
    above, origin = ((2, *range(2, places)), (0, 1)) if tree else ((), ())
    return Case(model, Costs(compute, send, rng.uniform(0, 4e-3, links), needed, answer, above, origin))


def large_case(rng: Generator, count: int, places: int) -> Case:
    """A large model whose best cut lies inside it: tensors shrink and the last place is no better everywhere."""
    model = random_model(rng, count)
    compute = rng.gamma(1.0, 1e-3, (count, 1)) * np.array(SPEED[:places]) * rng.uniform(0.5, 1.5, (count, places))
    shrink = np.linspace(1.0, 0.02, count + 1)[:, None]
    send = shrink * rng.gamma(1.0, 1.0, (count + 1, 1)) * rng.uniform(0.5, 1.5, (count + 1, places - 1)) * 1e-2 * count
    return Case(model, Costs(compute, send, rng.uniform(0, 4e-3, places - 1), np.ones(count)))


def cheapest(case: Case, quantum: float) -> tuple[float, int]:
    """The least cost over all placements, in quanta, and how many placements there are; inf if none keeps the limits.

    Every term is rounded to quanta by itself, as the min-cut does.
    """
    at, costs = every_placement(case), case.costs
    numbers = {name: i for i, name in enumerate([*case.model.inputs, *(k.name for k in case.model.kernels)])}
    inputs, wanted = len(case.model.inputs), needs(case.model)
    ups = climbs(case)
    cost = np.zeros(len(at))
    for v in wanted:
        unary = costs.reach[v] * costs.compute[v]
        if costs.answer.size:
            unary = unary + costs.answer[v]
        cost += np.rint(unary / quantum)[at[:, v]]
    readers: dict[str, list[int]] = {}
    for v, names in wanted.items():
        for name in names:
            readers.setdefault(name, []).append(v)
    origin = costs.origin or (0,) * inputs
    for link in range(costs.send.shape[1]):
        most = np.zeros(len(at))
        for name, by in readers.items():
            t = numbers[name]
            here = np.full(len(at), origin[t]) if t < inputs else at[:, t - inputs]
            under = ups[here, link]
            often = np.max([np.where(under & ~ups[at[:, v], link], costs.reach[v], 0.0) for v in by], axis=0)
            sent = np.full(len(at), 0.0)
            sent[often > 0] = np.rint(costs.send[t, link] * often[often > 0] / quantum)
            cost, most = cost + sent, np.maximum(most, often)
        cost += np.rint(costs.delay[link] * most / quantum)
    return float(cost.min(initial=np.inf)), len(at)


def needs(model: Model) -> dict[int, list[str]]:
    """Of each kernel that needs a place, the tensors that it needs sent; free kernels are seen through by name."""
    by_name = {kernel.name: kernel for kernel in model.kernels}

    def behind(name: str) -> list[str]:
        kernel = by_name.get(name)
        if kernel is None or not kernel.free:
            return [name]
        return [one for given in kernel.inputs for one in behind(given)]

    return {
        k: [one for given in kernel.inputs for one in behind(given)]
        for k, kernel in enumerate(model.kernels)
        if not kernel.free or kernel.name in (model.outputs or model.exits)
    }


def climbs(case: Case) -> NDArray[np.bool_]:
    """Whether a link is on the way from a place to the root: [places, links]."""
    links = case.costs.send.shape[1]
    above = case.costs.above or tuple(range(1, links + 1))
    found = np.zeros((links + 1, links), np.bool_)
    for place in range(links + 1):
        at = place
        while at < links:
            found[place, at] = True
            at = above[at]
    return found


def every_placement(case: Case) -> Ints:
    """All placements that send tensors upwards only: [placements, kernels]; -1 stands for kernels without a place."""
    model, origin = case.model, case.costs.origin or (0,) * len(case.model.inputs)
    ups, links = climbs(case), case.costs.send.shape[1]
    above = case.costs.above or tuple(range(1, links + 1))
    reached = np.eye(links + 1, dtype=np.bool_)
    for place in range(links + 1):
        for link in np.flatnonzero(ups[place]):
            reached[place, above[link]] = True
    at = np.full((1, len(model.kernels)), -1, np.int64)
    by_name = {kernel.name: k for k, kernel in enumerate(model.kernels)}
    results = {by_name[name] for name in model.outputs or model.exits}
    needed = needs(model)

    def before(k: int) -> list[int]:  # free results that it reads, perhaps through free kernels
        found = []
        for name in model.kernels[k].inputs:
            one = by_name.get(name, -1)
            if one >= 0 and model.kernels[one].free:
                found += [one] if one in results else before(one)
        return found

    for k, names in needed.items():
        at = np.repeat(at, links + 1, axis=0)
        at[:, k] = np.tile(np.arange(links + 1), len(at) // (links + 1))
        kept = np.ones(len(at), np.bool_)
        for name in names:
            here = at[:, by_name[name]] if name in by_name else np.full(len(at), origin[model.inputs.index(name)])
            kept &= reached[here, at[:, k]]
        for one in before(k):
            kept &= reached[at[:, one], at[:, k]]
        at = at[kept]
    return at


def random_chain(rng: Generator, segments: int, wires: int = 4, settings: int = 1, variant: str = "fp32") -> Chain:
    """Tensors that shrink along the way, a first wire that loses nothing, and one early exit where settings differ."""
    sizes = rng.gamma(1.0, 2e5, segments) * np.linspace(1.0, 0.05, segments)
    each = np.array([1.0, 0.25, 0.125, 0.09, 0.06, 0.05])[:wires, None]
    shares = np.zeros((settings, segments))
    shares[:, -1] = 1.0
    shares[:, segments // 3] += np.linspace(0.0, 0.8, settings)
    shares[:, -1] -= np.linspace(0.0, 0.8, settings)
    drop = np.array([0.0, 1e-3, 1e-2, 1e-2, 2e-2, 3e-2])[:wires, None] * rng.uniform(0.2, 2.0, (1, wires, segments))
    return Chain(
        variant,
        "digest",
        ("input", *(f"t{i}" for i in range(1, segments))),
        rng.gamma(1.0, 1e-4, segments),
        tuple(Wire(bits, "raw") for bits in (32, 8, 4, 3, 2, 1)[:wires]),
        sizes * each,
        sizes * each * rng.uniform(1e-10, 1e-9, (2, wires, segments)),
        drop,
        tuple((0.5 + 0.01 * i,) for i in range(settings)),
        shares,
        0.92 - 0.01 * np.arange(settings),
        rng.uniform(1e3, 1e5, segments),
        rng.uniform(1e3, 1e6, segments),
    )


def random_places(rng: Generator, count: int) -> Places:
    """A device with little memory, an edge, and hosts beyond that are quicker and farther away."""
    power, zones = Power(3.0, 1e-7), [Zone.DEVICE, Zone.EDGE, *[Zone.CLOUD] * count]
    hosts = [
        Node(
            NodeId(f"host{k}"),
            zones[k],
            NodeId("host1") if k == 0 else NodeId("host2") if k == 1 else None,
            20.0 / 3.0**k,
            int(rng.uniform(1e6, 4e6)) if k == 0 else None,
            power if k < 2 else Power(50.0),
        )
        for k in range(count)
    ]
    links = [
        Link(f"link{k}", float(rng.uniform(2e5, 1e7)), float(rng.uniform(2e6, 1e7)), 0.002 * 4**k, 0.0005)
        for k in range(count - 1)
    ]
    money = tuple(1e-4 * k for k in range(count))
    return Places(tuple(hosts), tuple(links), money, tuple(1e-9 * k for k in range(count - 1)))
