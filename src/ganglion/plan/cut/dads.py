"""The planner of DADS for light load: a minimum cut in which every reader of a tensor is sent its own.

Source: Hu et al. 2019 (INFOCOM). Theirs knows two places; kernel times are those of kernels run by themselves.
"""

from __future__ import annotations

import numpy as np

from ...core.cut import Cut
from .arcs import network, unary
from .costs import Costs
from .graph import Graph
from .min_cut import FULL, bound, place_of, solve
from .nodes import Nodes
from .total import total


def dads(graph: Graph, isolated: Costs, actual: Costs) -> tuple[Cut, float]:
    """The cut that looks cheapest with isolated costs paid per edge, and what it actually costs."""
    costs, actual = isolated.check(graph), actual.check(graph)
    nodes = Nodes.of(graph, costs)
    readers = int(np.bincount(graph.src).max(initial=1))  # a tensor is paid at most so often
    rough = bound(graph, costs, nodes) * readers - unary(graph, costs, nodes, 0.0)[0]
    _, near = solve(network(graph, costs, nodes, max(rough / FULL, 1e-300), per_edge=True))
    at = place_of(graph, costs, nodes, near)
    return Cut(graph.complete(at), graph.model.weights), total(graph, actual, at)
