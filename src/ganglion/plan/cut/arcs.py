"""A placement problem as a flow network: arcs whose cheapest cut costs what the cheapest placement costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Floats
from .costs import Costs
from .graph import Graph, Ints
from .nodes import SINK, SOURCE, Nodes
from .order import NEVER, Arcs, delay_arcs, order_arcs
from .total import expected, quantized


@dataclass(frozen=True, eq=False)
class Network:
    """Arcs with capacities in quanta (inf = may not be cut), and what every placement costs besides the cut."""

    tail: Ints
    head: Ints
    capacity: Floats
    count: int  # nodes
    constant: float


def network(graph: Graph, costs: Costs, nodes: Nodes, quantum: float, per_edge: bool = False) -> Network:
    """Arcs for checked costs; there may be several between two nodes. `per_edge`: each reader is sent its own tensor.

    Source: labels as chains of nodes after Ishikawa 2003 (PAMI 25); a tensor is paid once, however many need it, by a
    node between, as in the higher-order terms of Kohli, Ladický and Torr 2009 (IJCV 82).
    """
    constant, single = unary(graph, costs, nodes, quantum)
    between, sent = _tensors(graph, costs, nodes, (nodes.count, quantum), per_edge)
    steps, delays = delay_arcs(graph, costs, nodes, (nodes.count + between, quantum))
    parts = [np.broadcast_arrays(*part) for part in (*single, *order_arcs(graph, costs, nodes), *sent, *delays)]
    tail, head, capacity = (np.concatenate([part[i].ravel() for part in parts]) for i in range(3))
    kept = (capacity > 0) & (tail != head)
    return Network(tail[kept], head[kept], capacity[kept], nodes.count + between + steps, constant)


def unary(graph: Graph, costs: Costs, nodes: Nodes, quantum: float) -> tuple[float, list[Arcs]]:
    """What a kernel costs where it is: its cost at the root, and per link under which it is, a difference."""
    rows = graph.inputs + graph.movers
    cost, x, on, lowest = expected(costs)[graph.movers], nodes.number[rows], nodes.mine[rows], nodes.lowest[rows]
    banned = np.isinf(cost)
    least = np.where(banned, np.inf, cost).min(1, keepdims=True)
    cost = quantized(np.where(banned, np.where(np.isinf(least), 0.0, least), cost), quantum)
    less = np.where(on, cost[:, :-1] - cost[:, list(costs.above)], 0.0)
    constant = float(cost[:, -1].sum() + np.minimum(less, 0.0).sum())
    arcs: list[Arcs] = [(x, np.array(SINK), np.maximum(less, 0.0)), (np.array(SOURCE), x, np.maximum(-less, 0.0))]
    for place in range(cost.shape[1]):
        stop = banned[:, place]
        root = place == len(costs.above)
        into = np.full(len(x), SOURCE) if root else x[:, place]
        arcs.append((into[stop & (lowest == place)], np.array(SINK), NEVER))
        for link in (link for link, up in enumerate(costs.above) if up == place):
            hit = stop & on[:, link]
            arcs.append((into[hit], x[hit, link], NEVER))
    return constant, arcs


def _tensors(
    graph: Graph, costs: Costs, nodes: Nodes, start: tuple[int, float], per_edge: bool
) -> tuple[int, list[Arcs]]:
    """Each tensor over each link once, as often as the likeliest kernel beyond it is needed."""
    node = nodes.number
    order = np.lexsort((costs.reach[graph.dst], graph.src))
    src, dst = graph.src[order], graph.dst[order]
    often = costs.reach[dst]
    first = (np.diff(src, prepend=-1) != 0) | (np.diff(often, prepend=-1.0) != 0)  # equally likely readers of a tensor
    first |= per_edge
    begin = np.flatnonzero(first)
    group, of = np.cumsum(first) - 1, src[begin]
    last = np.append(of[1:] != of[:-1], True) | per_edge
    alone = last & (np.diff(np.append(begin, len(src))) == 1)
    links = node.shape[1]
    between = (start[0] + np.arange(len(of) * links)).reshape(-1, links)
    between[alone] = node[graph.inputs + dst[begin[alone]]]
    rises = often[begin]
    before = np.where(np.append(True, last[:-1]), 0.0, np.append(0.0, rises[:-1]))
    sent = costs.send[of]
    low = quantized(np.where(np.isinf(sent), 0.0, sent) * before[:, None], start[1])
    cost = np.where(np.isinf(sent), np.inf, quantized(sent * rises[:, None], start[1]) - low)
    here, many = nodes.under[of], ~alone[group]
    inner = here[group] & many[:, None]
    chain = here[:-1] & ~last[:-1, None]
    return between.size, [
        (node[of][here], between[here], cost[here]),
        (between[group][inner], node[graph.inputs + dst][inner], NEVER),
        (between[:-1][chain], between[1:][chain], NEVER),
    ]
