"""What a node says of itself: ids, counts and times, nothing of its data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Beat:
    """Below to above: I am here. `node` may be a device that its edge speaks for."""

    node: str
    counter: int  # release it answers with
    answered: int
    degraded: int
    age_s: float  # how old this news is


@dataclass(frozen=True)
class Present:
    """A fact: news of a node."""

    node: str
    counter: int
    answered: int
    degraded: int
