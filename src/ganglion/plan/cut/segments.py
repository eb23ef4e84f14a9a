"""A graph of kernels as a chain: cut wherever a single tensor is all that later kernels need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...core.cut import Cut
from ...core.probability import Floats
from .graph import Graph, Ints
from .reach import ancestors


@dataclass(frozen=True, eq=False)
class Segments:
    """Runs of kernels between single tensors, in order; kernels inside one segment stay together."""

    graph: Graph
    boundaries: tuple[str, ...]  # the tensor before each segment; the first is the input, or all inputs as "a+b"
    of: Ints  # [kernels] segment of each kernel; of one without a place, 0
    weight_bytes: Floats  # [segments]
    peak_bytes: Floats  # [segments]: most that is alive at once while it runs, kernel by kernel

    @classmethod
    def of_graph(cls, graph: Graph) -> Segments:
        """All of them. Kernels beside the last result's way, such as exits, belong to where they branch off."""
        inputs, model = graph.inputs, graph.model
        readers: dict[int, list[int]] = {}
        given: dict[int, int] = {}
        for src, dst in zip(graph.src.tolist(), graph.dst.tolist(), strict=True):
            readers.setdefault(src, []).append(dst)
            given[dst] = given.get(dst, 0) | 1 << src
        last = (model.outputs or model.exits)[-1] if not model.exits else model.exits[-1]
        names = [*model.inputs, *(kernel.name for kernel in model.kernels)]
        way = ancestors(graph)[names.index(last)]
        below, needed = [0] * len(names), [0] * len(names)
        found: list[int] = []
        for t in range(len(names) - 1, -1, -1):
            for k in readers.get(t, ()):
                below[t] |= below[inputs + k] | 1 << (inputs + k)
                needed[t] |= needed[inputs + k] | given[k]
            if t >= inputs and way >> t & 1 and needed[t] & ~below[t] == 1 << t:
                found.append(t)
        found.reverse()
        of = np.zeros(len(model.kernels), np.int64)
        for k in graph.movers.tolist():
            of[k] = sum(below[t] >> (inputs + k) & 1 for t in found)
        weights = np.zeros(len(found) + 1)
        np.add.at(weights, of, [kernel.param_bytes for kernel in model.kernels])
        boundaries = ("+".join(model.inputs), *(names[t] for t in found))
        return cls(graph, boundaries, of, weights, _peaks(graph, of, len(boundaries)))

    def sum(self, per_kernel: Floats) -> Floats:
        """Per segment the sum over its movers: [kernels] -> [segments]."""
        movers = self.graph.movers
        found = np.zeros(len(self.boundaries))
        np.add.at(found, self.of[movers], np.asarray(per_kernel)[movers])
        return found

    def shares(self, per_exit: Floats) -> Floats:
        """Share of requests that is answered in each segment: [settings, exits] -> [settings, segments]."""
        names = [kernel.name for kernel in self.graph.model.kernels]
        into = np.zeros((len(self.graph.model.exits), len(self.boundaries)))
        for i, name in enumerate(self.graph.model.exits):
            into[i, self.of[names.index(name)]] = 1.0
        return np.asarray(np.atleast_2d(per_exit) @ into)

    def cut(self, positions: tuple[int, ...]) -> Cut:
        """The cut that gives place k the segments from positions[k - 1] up to positions[k]."""
        at = np.searchsorted(np.array(positions), self.of, side="right").astype(np.int64)
        return Cut(self.graph.complete(at), self.graph.model.weights)


def _peaks(graph: Graph, of: Ints, count: int) -> Floats:
    """Most bytes alive at once in each segment, in the model's order; a tensor dies after its last reader."""
    inputs, model = graph.inputs, graph.model
    sizes = [*_input_bytes(graph), *(kernel.out_bytes for kernel in model.kernels)]
    last: dict[int, int] = {}
    for src, dst in zip(graph.src.tolist(), graph.dst.tolist(), strict=True):
        last[src] = max(last.get(src, 0), dst)
    alive: dict[int, int] = {}  # tensor -> last reader
    peak, holding = np.zeros(count), 0
    for t in range(inputs):
        alive[t], holding = last.get(t, 0), holding + sizes[t]
    for k in graph.movers.tolist():
        holding += sizes[inputs + k]
        alive[inputs + k] = last.get(inputs + k, k)
        peak[of[k]] = max(peak[of[k]], holding)
        for t in [t for t, end in alive.items() if end <= k]:
            holding -= sizes[t]
            del alive[t]
    return peak


def _input_bytes(graph: Graph) -> tuple[int, ...]:
    given = graph.model.input_bytes
    return given or (4 * int(np.prod(graph.model.input_shape)),) * graph.inputs
