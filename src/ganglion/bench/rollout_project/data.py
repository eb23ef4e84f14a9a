"""The points that the roll-out benches classify. It imports no torch."""

from __future__ import annotations

from typing import Any

from ..rollout_model import CLASSES as CLASSES
from ..rollout_model import examples as points

SEEDS = {"train": 1, "calibration": 5, "test": 6}
COUNT = 120


def examples(part: str) -> tuple[Any, Any]:
    """Public points and their classes."""
    found = points(SEEDS[part], COUNT)
    return found.x, found.y


def stream(node: str) -> tuple[Any, Any, list[str]]:
    """What a device reads; all of it is public."""
    found = points(1000 + int(node.rpartition("-")[2]), 2000)
    return found.x, found.y, ["public"] * len(found)
