"""Whose an example is was recorded with it: a person, a site, a vehicle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...core.errors import ConfigError

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class ByOwner:
    """One client per owner with at least `least` examples, in the order of the owners' names."""

    least: int = 1

    def __call__(self, y: Rows, rng: Generator, owner: Rows | None = None) -> list[Rows]:
        """The rows of each. Raises ConfigError where owners were not recorded, or none has enough."""
        if owner is None or len(owner) != len(y):
            raise ConfigError("examples cannot be parted by owner: none was recorded; name the data's owner column")
        order = np.argsort(owner, kind="stable")
        edges = np.flatnonzero(np.diff(owner[order])) + 1
        made = [rows for rows in np.split(order, edges) if len(rows) >= max(self.least, 1)]
        if not made:
            raise ConfigError(f"no owner has {self.least} examples; lower least")
        return made
