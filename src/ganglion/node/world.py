"""The ports that only `drive` uses; those that work may use are in `tools`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.ports import Clock, Net, Workers


@dataclass(frozen=True)
class World:
    """Time, neighbours and work, as one of the two worlds has them."""

    clock: Clock
    net: Net
    workers: Workers
    observe: Callable[[Any], None]  # hears every fact told on this node
