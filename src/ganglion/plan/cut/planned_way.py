"""One of the ways that a running split model may change to, as a plan file holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PlannedWay:
    """One of the ways that a running split may change to, as a line over the first link's slowness."""

    name: str
    at: tuple[int, ...]  # of each kernel: which of the plan's hosts, from 0
    wires: tuple[str, ...]  # how tensors are written on each link
    near_s: float  # until the first byte can go
    far_s: float  # beyond the first link
    sent_bytes: float  # on the first link; 0 = it needs none

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> PlannedWay:
        """From a plan file's JSON. Raises KeyError, TypeError or ValueError for anything else."""
        figures = (float(held[name]) for name in ("near_s", "far_s", "sent_bytes"))
        return cls(str(held["name"]), tuple(int(at) for at in held["at"]), tuple(map(str, held["wires"])), *figures)
