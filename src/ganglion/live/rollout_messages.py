"""What a person says to the cloud about roll-outs, and what is answered."""

from __future__ import annotations

from dataclasses import dataclass

from ..core.fleet import NodeId
from ..flow.rollout.rule import Rule


@dataclass(frozen=True)
class CreateRollout:
    """Let a release go out, ring by ring, each ring by its rule; known by a counter, an alias or a digest's start."""

    which: str
    rings: tuple[tuple[NodeId, ...], ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True)
class SteerRollout:
    """What becomes of a roll-out."""

    counter: int
    act: str  # "pause", "resume", "abort", "rollback"


@dataclass(frozen=True)
class AskRollouts:
    """Which roll-outs are there?"""


@dataclass(frozen=True)
class Steered:
    """It was done, or has begun: this roll-out is about it."""

    counter: int


@dataclass(frozen=True)
class RolloutRow:
    """One roll-out, as the cloud has it at one moment."""

    counter: int
    phase: str
    paused: bool
    kept: bool
    ring: int  # that it has come to, from 0
    names: tuple[str, ...]  # of its rings
    rings: tuple[tuple[str, ...], ...]
    states: tuple[tuple[str, str], ...]  # edge, what it said last; who said nothing was not reached
    why: str


@dataclass(frozen=True)
class Rollouts:
    """Newest first."""

    rows: tuple[RolloutRow, ...]
