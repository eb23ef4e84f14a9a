"""The arcs of a flow network that keep places in order, and those that charge a link's delay once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...core.probability import Floats
from .costs import Costs
from .graph import Graph, Ints
from .nodes import SINK, SOURCE, Nodes
from .total import quantized

NEVER = np.array(np.inf)  # capacity of an arc that may not be cut
Arcs = tuple[Ints, Ints, Floats]  # tails, heads, capacities; they are made equally long


def order_arcs(graph: Graph, costs: Costs, nodes: Nodes) -> Iterator[Arcs]:
    """Who is under a link is under the next; who is under a link has its inputs under it."""
    node, mine = nodes.number, nodes.mine
    for link, up in enumerate(costs.above):
        if up < len(costs.above):
            yield node[mine[:, link], link], node[mine[:, link], up], NEVER
    held = np.array(graph.held, np.int64).reshape(-1, 2) + graph.inputs
    for src, dst in ((graph.src, graph.inputs + graph.dst), (held[:, 0], held[:, 1])):
        both = mine[src] & mine[dst]
        yield node[dst][both], node[src][both], NEVER


def delay_arcs(graph: Graph, costs: Costs, nodes: Nodes, start: tuple[int, float]) -> tuple[int, list[Arcs]]:
    """Each link's delay once, as often as the likeliest kernel beyond it is needed.

    `start` is the first number of new nodes, and the quantum; they are counted in what comes back.
    """
    node, domain = nodes.number, nodes.under
    steps, level = np.unique(costs.reach[graph.movers], return_inverse=True)
    links = node.shape[1]
    extra = (start[0] + np.arange(len(steps) * links)).reshape(-1, links)
    cost = np.diff(quantized(np.outer(steps, costs.delay), start[1]), axis=0, prepend=0.0)
    at = np.zeros(len(costs.reach), np.int64)
    at[graph.movers] = level
    made = graph.src >= graph.inputs
    inner = np.ones(len(costs.reach), np.bool_)  # no reader that is as likely: whoever is beyond has such a one beyond
    inner[graph.src[made][at[graph.dst[made]] == at[graph.src[made] - graph.inputs]] - graph.inputs] = False
    tips = graph.movers[inner[graph.movers]]
    low = domain[graph.inputs + tips]
    gone = domain[graph.src] & ~domain[graph.inputs + graph.dst]
    return extra.size, [
        (np.array(SOURCE), extra, cost),
        (extra[:-1], extra[1:], NEVER),
        (extra[at[tips]][low], node[graph.inputs + tips][low], NEVER),
        (extra[at[graph.dst]][gone], np.array(SINK), NEVER),
    ]
