"""How often requests need each kernel of a model with early exits."""

from __future__ import annotations

import numpy as np

from ...core.errors import ConfigError
from ...core.probability import Floats
from .graph import Graph


def ancestors(graph: Graph) -> tuple[int, ...]:
    """Of each tensor, the set of tensors it is computed from, itself among them, as the bits of a number."""
    numbers = {name: i for i, name in enumerate(graph.model.inputs)}
    sets = [1 << i for i in range(graph.inputs)]
    for k, kernel in enumerate(graph.model.kernels):
        made = 1 << (graph.inputs + k)
        for name in kernel.inputs:
            made |= sets[numbers[name]]
        numbers[kernel.name] = graph.inputs + k
        sets.append(made)
    return tuple(sets)


def reach(graph: Graph, shares: Floats) -> Floats:
    """Probability that a request needs each kernel, given the share of requests that each exit answers.

    Exits are asked in the model's order, so a request that exit i answers has needed what exits 0 … i need; every
    request needs what other results need.
    """
    exits, above = graph.model.exits, ancestors(graph)
    if len(shares) != len(exits) or abs(float(np.sum(shares)) - 1.0) > 1e-6:
        raise ConfigError(f"shares {shares} must add up to 1 over the {len(exits)} exits of the model")
    numbers = {kernel.name: graph.inputs + k for k, kernel in enumerate(graph.model.kernels)}
    left = 1.0 - np.cumsum([0.0, *shares[:-1]])
    asked = [(name, 1.0) for name in graph.model.outputs if name not in exits]
    asked += zip(exits, np.maximum(left, 0.0).tolist(), strict=True)
    needed, known = np.zeros(len(graph.model.kernels)), 0
    for name, share in asked:
        new = (above[numbers[name]] & ~known) >> graph.inputs
        known |= above[numbers[name]]
        while new:  # the lowest bit, one after another
            needed[(new & -new).bit_length() - 1] = share
            new &= new - 1
    return needed
