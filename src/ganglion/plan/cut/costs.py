"""What kernels, tensors and links of a graph cost, over places in a row or in a tree, in any one unit."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from ...core.errors import ConfigError
from ...core.probability import Bools, Floats
from .graph import Graph, Ints

SELDOM = 1e-9  # least probability of a kernel: limits hold for what is never needed, too


@dataclass(frozen=True, eq=False)
class Costs:
    """Non-negative costs of one request: seconds, joules, money, or one mixture of them.

    Places are numbered from the inputs to the root; place l has link l to place `above[l]` > l, the last has none. A
    cost is a sum: as latency it counts devices side by side one after another. Costs that are infinite forbid.
    """

    compute: Floats  # [kernels, places]; free kernels' are not read
    send: Floats  # [inputs + kernels, links]: one tensor over one link, once, however many need it beyond
    delay: Floats  # [links]: once if anything crosses; there, and back where an answer comes back
    reach: Floats  # [kernels]: probability that a request needs the kernel
    answer: Floats = field(default_factory=lambda: np.zeros((0, 0)))  # [kernels, places]: carrying a result home
    above: tuple[int, ...] = ()  # () = places in a row
    origin: tuple[int, ...] = ()  # place of each input; () = place 0

    def check(self, graph: Graph) -> Costs:
        """These costs with every default filled in. Raises ConfigError where they do not fit the graph."""
        kernels, inputs = len(graph.model.kernels), graph.inputs
        places = self.compute.shape[1]
        links = places - 1
        whole = replace(
            self,
            answer=self.answer if self.answer.size else np.zeros((kernels, places)),
            above=self.above or tuple(range(1, places)),
            origin=self.origin or (0,) * inputs,
            reach=np.clip(self.reach, SELDOM, 1.0),
        )
        shapes = {
            "compute": (whole.compute, (kernels, places)),
            "send": (whole.send, (inputs + kernels, links)),
            "delay": (whole.delay, (links,)),
            "reach": (whole.reach, (kernels,)),
            "answer": (whole.answer, (kernels, places)),
        }
        for name, (array, shape) in shapes.items():
            if array.shape != shape:
                raise ConfigError(f"{name} is {array.shape}; {kernels} kernels at {places} places need {shape}")
            if not (array >= 0).all():
                raise ConfigError(f"{name} holds {array.min()}; costs are numbers of 0 or more, inf = never")
        if len(whole.above) != links or any(up <= at or up > links for at, up in enumerate(whole.above)):
            raise ConfigError(f"above is {whole.above}; place l < {links} needs a place above l and at most {links}")
        if len(whole.origin) != inputs or any(not 0 <= place < places for place in whole.origin):
            raise ConfigError(f"origin is {whole.origin}; it names a place below {places} for each of {inputs} inputs")
        if not np.isfinite(whole.delay).all():
            raise ConfigError("delay must be finite; forbid a link by the tensors that may not cross it")
        made = graph.src >= inputs
        if (whole.reach[graph.dst[made]] > whole.reach[graph.src[made] - inputs] + 1e-9).any():
            raise ConfigError("reach grows along an edge, but what a kernel needs is needed as often; use Graph.reach")
        return whole

    def ways(self) -> Bools:
        """Whether link l lies on the way from place k to the root: [places, links]."""
        links = len(self.above)
        on = np.zeros((links + 1, links), np.bool_)
        for place in range(links - 1, -1, -1):
            on[place] = on[self.above[place]]
            on[place, place] = True
        return on

    def lowest(self, graph: Graph) -> Ints:
        """The lowest place that all that a tensor is made from can reach: [inputs + kernels]; 0 for no mover."""
        found = [*self.origin, *[-1] * len(graph.model.kernels)]
        if any(found[: graph.inputs]) or any(up != place + 1 for place, up in enumerate(self.above)):
            order = np.argsort(graph.dst, kind="stable")
            for src, dst in zip(graph.src[order].tolist(), graph.dst[order].tolist(), strict=True):
                v = graph.inputs + dst
                found[v] = found[src] if found[v] < 0 else self.meet(found[v], found[src])
        return np.maximum(np.array(found, np.int64), 0)

    def meet(self, a: int, b: int) -> int:
        """The first place that is on the way up from both."""
        while a != b:
            a, b = (self.above[a], b) if a < b else (a, self.above[b])
        return a
