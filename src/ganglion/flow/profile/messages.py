"""What is measured, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.profile import Profile
from ...core.ref import Ref
from ...core.release import StageGraph


@dataclass(frozen=True)
class Measure:
    """Above to below: time these stages; the first device of an edge is asked by its edge."""

    number: int
    stored: Ref
    graphs: tuple[StageGraph, ...]
    input_shape: tuple[int, ...]

    @property
    def key(self) -> str:
        """Which survey."""
        return str(self.number)


@dataclass(frozen=True)
class Measured:
    """Below to above: how long they took."""

    number: int
    zone: int
    profile: Profile

    @property
    def key(self) -> str:
        """Which survey."""
        return str(self.number)


@dataclass(frozen=True)
class TimeStages:
    """Work: time every stage here."""

    stored: Ref
    graphs: tuple[StageGraph, ...]
    input_shape: tuple[int, ...]
    zone: int


@dataclass(frozen=True)
class Surveyed:
    """A fact: what is known of each zone."""

    number: int
    profiles: tuple[tuple[int, Profile], ...]
    why: str = ""
