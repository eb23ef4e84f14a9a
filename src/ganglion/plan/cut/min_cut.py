"""The cheapest placement of any graph of kernels over places in a row or in a tree, with a certificate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.cut import Cut
from ...core.errors import ConfigError
from ...core.probability import Bools
from .arcs import Network, network, unary
from .costs import Costs
from .graph import Graph, Ints
from .nodes import SINK, SOURCE, Nodes
from .total import total

UNCUT = 1 << 29  # capacity of an arc that may not be cut; two of them in opposite directions fit into 32 bits
FULL = 1 << 28  # quanta of the whole problem: more than any flow, and less than one arc that may not be cut


@dataclass(frozen=True)
class Certificate:
    """Largest flow and cost of the placement, in quanta: where they are equal, no placement is cheaper."""

    flow: int
    cut: int
    quantum: float  # in the unit of the costs
    error: float  # rounding: the true cost is at most so far from the least, in the unit of the costs

    @property
    def exact(self) -> bool:
        """Whether the dual proves the primal."""
        return self.flow == self.cut


@dataclass(frozen=True)
class Placed:
    """A placement, what it costs and why none is cheaper."""

    cut: Cut
    cost: float
    certificate: Certificate


def min_cut(graph: Graph, costs: Costs, quantum: float = 0.0) -> Placed:
    """The cheapest placement; of equal ones that with the most kernels near the inputs.

    Globally optimal in whole quanta, because every term is submodular; `quantum` = 0 takes the finest that fits 32-bit
    capacities. Raises ConfigError if every placement breaks a limit, or if the quantum is too fine.

    Source: Hu et al. 2019 (DADS, INFOCOM) for one cut; tensors paid once, delays and several places are added here.
    """
    costs = costs.check(graph)
    nodes = Nodes.of(graph, costs)
    rough = bound(graph, costs, nodes) - unary(graph, costs, nodes, 0.0)[0]
    finest = max(rough / FULL, 1e-300)
    if quantum and quantum < finest:
        raise ConfigError(f"a quantum of {quantum:g} is too fine for these costs; use {finest:g} or more, or none")
    quantum = quantum or finest
    net = network(graph, costs, nodes, quantum)
    flow, near = solve(net)
    at = place_of(graph, costs, nodes, near)
    cost = total(graph, costs, at)
    if not np.isfinite(cost):
        raise ConfigError("every placement breaks a limit; allow a tensor over a link or a kernel at a place")
    proof = Certificate(
        flow + int(net.constant),
        int(total(graph, costs, at, quantum)),
        quantum,
        quantum * (len(at) + costs.send.size + costs.delay.size),
    )
    return Placed(Cut(graph.complete(at), graph.model.weights), cost, proof)


def bound(graph: Graph, costs: Costs, nodes: Nodes) -> float:
    """What the cheapest placement costs at most: the best single place, or the sum of all there is to pay."""
    on, least = costs.ways(), np.inf
    for place in range(len(costs.above) + 1):
        at = nodes.lowest[graph.inputs :].copy()
        for link, up in enumerate(costs.above):  # links are in order, so one pass climbs any way
            at[(at == link) & (at < place)] = up
        least = min(least, total(graph, costs, at))
    if np.isfinite(least):
        return float(least)
    every = [costs.compute * costs.reach[:, None] + costs.answer, costs.send * len(on), costs.delay * len(on)]
    return float(sum(part[np.isfinite(part)].sum() for part in every))


def solve(net: Network) -> tuple[int, Bools]:
    """The largest flow, and which nodes are on the source's side: all that cannot reach the sink any more."""
    from scipy.sparse import csr_array  # wanted where plans are made, not where they are carried out
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    capacity = np.minimum(net.capacity, UNCUT).astype(np.int64)
    matrix = csr_array((capacity, (net.tail, net.head)), shape=(net.count, net.count))
    matrix.sum_duplicates()
    matrix = csr_array((np.minimum(matrix.data, UNCUT).astype(np.int32), matrix.indices, matrix.indptr), matrix.shape)
    done = maximum_flow(matrix, SOURCE, SINK, method="dinic")
    left = (matrix - done.flow).T.tocsr()
    left.eliminate_zeros()
    far = breadth_first_order(left, SINK, directed=True, return_predecessors=False)
    near = np.ones(net.count, np.bool_)
    near[far] = False
    return int(done.flow_value), near


def place_of(graph: Graph, costs: Costs, nodes: Nodes, near: Bools) -> Ints:
    """The place of each mover: under the first link that it is under, or at the root; 0 for no mover."""
    at = np.full(len(graph.model.kernels), len(costs.above), np.int64)
    for link in range(len(costs.above) - 1, -1, -1):
        under = nodes.mine[graph.inputs :, link] & near[nodes.number[graph.inputs :, link]]
        at[under] = link
    return at
