"""The names of a job's clients; a name is made when it is asked for, so that idle clients cost nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..core.fleet import NodeId


@dataclass(frozen=True)
class Population(Sequence[NodeId]):
    """`size` clients, numbered from 0; in the order of their names.

    >>> Population(11)[3], Population(11).index(NodeId("client-07"))
    ('client-03', 7)
    """

    size: int
    ordered: ClassVar[bool] = True  # nobody has to sort them again

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return tuple(self[one] for one in range(*place.indices(self.size)))
        at = int(place)
        if not -self.size <= at < self.size:
            raise IndexError(f"no client {at} among {self.size}")
        return NodeId(f"client-{at % self.size:0{len(str(self.size - 1))}d}")

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """The number behind a name. Raises ValueError for a name that nobody has."""
        digits = str(value).removeprefix("client-")
        at = int(digits) if digits.isdigit() else -1
        if not start <= at < (self.size if stop is None else stop) or self[at] != value:
            raise ValueError(f"no client is called {value!r}; they are {self[0]} to {self[-1]}")
        return at

    def __contains__(self, value: object) -> bool:
        try:
            return self.index(value) >= 0
        except ValueError:
            return False
