"""Which examples are whose: (labels [n], rng, owners [n] or None) -> rows of each client, every row at most once."""

from .by_owner import ByOwner
from .dirichlet import Dirichlet
from .iid import Iid
from .shards import Shards

__all__ = ["ByOwner", "Dirichlet", "Iid", "Shards"]
