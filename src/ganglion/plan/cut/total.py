"""What one placement costs, term by term; in quanta it is what a minimum cut must equal."""

from __future__ import annotations

import numpy as np

from ...core.probability import Bools, Floats
from .costs import Costs
from .graph import Graph, Ints


def quantized(cost: Floats, quantum: float) -> Floats:
    """Costs in whole quanta; as they are where the quantum is 0."""
    return np.asarray(np.rint(cost / quantum) if quantum else cost)


def expected(costs: Costs) -> Floats:
    """What each kernel costs at each place, weighted by how often it is needed: [kernels, places]."""
    return np.asarray(costs.reach[:, None] * costs.compute + costs.answer)


def crossings(graph: Graph, costs: Costs, at: Ints) -> Floats:
    """How often each tensor crosses each link, 0 … 1: [inputs + kernels, links]; at[k] = place of kernel k."""
    on = costs.ways()
    under = np.vstack([on[list(costs.origin)], on[at]])
    often = np.where(under[graph.src] & ~under[graph.inputs + graph.dst], costs.reach[graph.dst, None], 0.0)
    found = np.zeros(under.shape)
    starts = np.flatnonzero(np.diff(graph.src, prepend=-1))
    if len(starts):
        found[graph.src[starts]] = np.maximum.reduceat(often, starts, axis=0)
    return found


def total(graph: Graph, costs: Costs, at: Ints, quantum: float = 0.0) -> float:
    """The cost of a placement, checked costs given; inf where it breaks a limit.

    With a quantum every term is rounded to whole quanta and they are counted.
    """
    if not valid(graph, costs, at):
        return float("inf")
    cost = float(quantized(expected(costs)[graph.movers, at[graph.movers]], quantum).sum())
    crossed = crossings(graph, costs, at)
    tensor, link = np.nonzero(crossed)
    cost += float(quantized(costs.send[tensor, link] * crossed[tensor, link], quantum).sum())
    return cost + float(quantized(costs.delay * crossed.max(0), quantum).sum())


def valid(graph: Graph, costs: Costs, at: Ints) -> bool:
    """Whether everything that a kernel needs is made at its place or on the way there."""
    reached = _reached(costs)
    place = np.concatenate([np.array(costs.origin, np.int64), at])
    held = np.array(graph.held, np.int64).reshape(-1, 2)
    ways = reached[place[graph.src], at[graph.dst]].all() and reached[at[held[:, 0]], at[held[:, 1]]].all()
    return bool(ways)


def _reached(costs: Costs) -> Bools:
    """Whether the second place is the first or on its way up: [places, places]."""
    places = len(costs.above) + 1
    found = np.eye(places, dtype=np.bool_)
    for place in range(places - 2, -1, -1):
        found[place] |= found[costs.above[place]]
    return found
