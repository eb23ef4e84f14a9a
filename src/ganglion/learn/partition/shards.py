"""Examples in the order of their labels, cut into shards, a few for each client."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from .iid import enough

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Shards:
    """`each` shards for every client, so that it knows about as many classes. Source: McMahan et al. 2017."""

    clients: int = 100
    each: int = 2

    def __call__(self, y: Rows, rng: Generator, owner: Rows | None = None) -> list[Rows]:
        """The rows of each. Raises ConfigError for more shards than examples."""
        enough(len(y), self.clients * self.each)
        pieces = np.array_split(np.argsort(y, kind="stable"), self.clients * self.each)
        dealt = rng.permutation(len(pieces)).reshape(self.clients, self.each)
        return [np.sort(np.concatenate([pieces[place] for place in mine])) for mine in dealt]
