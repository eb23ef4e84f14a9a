"""Each class is shared out unevenly, by shares drawn from a Dirichlet distribution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...core.errors import ConfigError
from .iid import enough

Rows = NDArray[np.int64]

TRIES = 1000


@dataclass(frozen=True)
class Dirichlet:
    """Shares of each class over clients ~ Dir(alpha); drawn again until every client has `least` examples.

    Source: Yurochkin et al. 2019, arXiv:1905.12022; Li et al. 2022, arXiv:2102.02079 (NIID-Bench, least 10).
    """

    clients: int = 10
    alpha: float = 0.5  # much: alike; little: each client has few classes
    least: int = 10

    def __call__(self, y: Rows, rng: Generator, owner: Rows | None = None) -> list[Rows]:
        """The rows of each. Raises ConfigError where no draw gives everybody enough."""
        enough(len(y), self.clients)
        if self.alpha <= 0.0:
            raise ConfigError(f"alpha {self.alpha} of a Dirichlet partition must be above 0; 0.5 is usual")
        of_class = [np.flatnonzero(y == label) for label in np.unique(y)]
        for _ in range(TRIES):
            found: list[list[Rows]] = [[] for _ in range(self.clients)]
            for rows in of_class:
                ends = np.cumsum(rng.dirichlet(np.full(self.clients, self.alpha)))[:-1] * len(rows)
                for mine, part in zip(found, np.split(rng.permutation(rows), ends.astype(np.int64)), strict=True):
                    mine.append(part)
            made = [np.sort(np.concatenate(mine)) for mine in found]
            if min(len(mine) for mine in made) >= max(self.least, 1):
                return made
        raise ConfigError(
            f"{TRIES} draws of {self} over {len(y)} examples left somebody with fewer than {self.least}; "
            "raise alpha, or lower least or clients"
        )
