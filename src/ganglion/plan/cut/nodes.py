"""The nodes of a flow network: one for each mover and each link, on the source's side if the mover is under the link.

Node 0 is the source, 1 the sink.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.probability import Bools
from .costs import Costs
from .graph import Graph, Ints

SOURCE, SINK = 0, 1


@dataclass(frozen=True, eq=False)
class Nodes:
    """Who has a node of its own: [inputs + kernels, links] each."""

    number: Ints  # SOURCE for an input under a link, SINK for what is never under it
    under: Bools  # whether a tensor can be under a link
    mine: Bools  # whether it is a mover's and has a number
    lowest: Ints  # [inputs + kernels] the nearest place that each can be at
    count: int  # with source and sink

    @classmethod
    def of(cls, graph: Graph, costs: Costs) -> Nodes:
        """For checked costs."""
        lowest = costs.lowest(graph)
        under = costs.ways()[lowest]
        mine = np.zeros_like(under)
        mine[graph.inputs + graph.movers] = under[graph.inputs + graph.movers]
        count = 2 + int(mine.sum())
        number = np.where(under, SOURCE, SINK).astype(np.int64)
        number[mine] = np.arange(2, count)
        return cls(number, under, mine, lowest, count)
