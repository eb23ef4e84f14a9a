"""Examples dealt out at random, to all clients as many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...core.errors import ConfigError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Iid:
    """Every client has the same mix; sizes differ by one at most. Source: McMahan et al. 2017, arXiv:1602.05629."""

    clients: int = 100

    def __call__(self, y: Rows, rng: Generator, owner: Rows | None = None) -> list[Rows]:
        """The rows of each. Raises ConfigError for more clients than examples."""
        enough(len(y), self.clients)
        return [np.sort(part) for part in np.array_split(rng.permutation(len(y)), self.clients)]


def enough(examples: int, clients: int) -> None:
    """Raises ConfigError where some client would have nothing."""
    if not 1 <= clients <= examples:
        raise ConfigError(f"{clients} clients cannot share {examples} examples: each needs one; name fewer clients")
