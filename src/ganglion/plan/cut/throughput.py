"""How fast requests can follow each other at most: the busiest machine or link, bounded from below on any graph."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...core.cut import Cut
from ...core.probability import Floats
from .costs import Costs
from .graph import Graph, Ints
from .min_cut import min_cut
from .total import crossings, expected


@dataclass(frozen=True)
class Bottleneck:
    """A placement of any graph, how busy it keeps its busiest part, and what no placement can go below."""

    cut: Cut
    period_s: float
    bound_s: float

    @property
    def gap(self) -> float:
        """How far the placement may be from the best, as a share of the bound."""
        return self.period_s / self.bound_s - 1.0 if self.bound_s > 0 else 0.0


def busy_s(graph: Graph, costs: Costs, at: Ints) -> Floats:
    """Busy seconds per request of each place, then of each link: [places + links]; delays keep nobody busy."""
    seconds = np.zeros(len(costs.above) + 1)
    np.add.at(seconds, at[graph.movers], expected(costs)[graph.movers, at[graph.movers]])
    crossed = crossings(graph, costs, at)
    sent = np.where(crossed > 0, costs.send, 0.0) * crossed
    return np.concatenate([seconds, sent.sum(0)])


def bottleneck(graph: Graph, costs: Costs, rounds: int = 40) -> Bottleneck:
    """A good placement for pipelines, with a proof of how good; exact only where the gap is 0.

    The best bottleneck of a graph is NP-hard (Hu et al. 2019, DADS, INFOCOM), and exact on a chain (`split` for
    "throughput"). Whatever weights of sum 1 places and links get, the cheapest weighted sum is no more than the least
    bottleneck, and it is one minimum cut; weights grow where the cut is busiest (multiplicative weights, Arora, Hazan
    and Kale 2012, Theory of Computing 8). Costs are seconds; delays are left out. Raises as `min_cut` does.
    """
    costs = replace(costs.check(graph), delay=np.zeros(len(costs.delay)))
    places = len(costs.above) + 1
    weight = np.ones(2 * places - 1) / (2 * places - 1)
    best, best_s, bound_s = Cut((), ""), np.inf, 0.0
    for turn in range(rounds):
        weighed = replace(
            costs,
            compute=costs.compute * weight[:places],
            answer=costs.answer * weight[:places],
            send=costs.send * weight[places:],
        )
        found = min_cut(graph, weighed)
        bound_s = max(bound_s, found.cost - found.certificate.error)
        busy = busy_s(graph, costs, np.array(found.cut.places, np.int64))
        if busy.max() < best_s:
            best, best_s = found.cut, float(busy.max())
        if best_s <= bound_s * (1 + 1e-9) or busy.max() <= 0:
            break
        weight = weight * np.exp(busy / busy.max() / np.sqrt(1.0 + turn))
        weight = np.maximum(weight / weight.sum(), 1e-9)
        weight = weight / weight.sum()
    return Bottleneck(best, best_s, bound_s)
