"""Violations planted on purpose, one per invariant, to see that the demo notices. Simulator only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.errors import ConfigError
from ..run import World

Planter = Callable[[Any], None]
PLANTS: dict[str, Planter] = {}


def plant(name: str, world: World) -> None:
    """Plants one; "" plants none."""
    if not name:
        return
    if name not in PLANTS:
        raise ConfigError(f"no violation {name!r} can be planted; there are {', '.join(sorted(PLANTS))}")
    PLANTS[name](world)
