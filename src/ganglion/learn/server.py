"""What the server does with a round's sum: the next weights, its own memory, and what it keeps for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..core.tensors import Tensors
from ..core.update import Update
from .aggregate import Total
from .strategy import Linear, Strategy
from .task import Kept


@dataclass(frozen=True, eq=False)
class Server:
    """Where a job stands between two rounds; all of it."""

    weights: Tensors
    number: int = 0  # of the round that comes next
    state: Any = None  # the step's: None, tensors, or a tuple of them
    common: Kept = field(default_factory=dict)


def advance(strategy: Strategy, at: Server, got: Total | Sequence[Update], clients: int) -> Server:
    """After a round; `got` is the sum where the aggregate is linear, else every update. `clients` are there in all.

    What is shared moves by the mean over all clients of how theirs changed, and those not asked did not change.
    """
    if isinstance(got, Total):
        assert isinstance(strategy.aggregate, Linear)
        delta, extra = strategy.aggregate.lower(got), got.extra
    else:
        delta = strategy.aggregate(got)
        parts = [{name: one.flat.astype(np.float64) for name, one in update.extra.items()} for update in got]
        extra = {name: np.sum([part[name] for part in parts], axis=0) for name in strategy.shares}
    weights, state = strategy.step(at.weights, delta, at.state)
    factor = strategy.server_rate(at.number)
    if factor != 1.0:
        weights = at.weights + (weights - at.weights) * factor
    none = at.weights.zero()
    common = {
        name: none.with_flat((at.common.get(name, none).flat + extra[name] / clients).astype(np.float32))
        for name in strategy.shares
    }
    return Server(weights, at.number + 1, state, common)
