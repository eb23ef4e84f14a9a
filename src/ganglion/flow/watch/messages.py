"""What a watching device says, and the work it asks for."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.update import Statistic


@dataclass(frozen=True)
class Alarm:
    """Device to edge: what I see is not what the model was made for."""

    evidence: Statistic


@dataclass(frozen=True)
class Watch:
    """Work: one more confidence for the detector. No label is needed."""

    confidence: float
    distance: float
    version: int
    turn: int  # how often the release has changed: each change begins a detector of its own


@dataclass(frozen=True)
class Watched:
    """Result: whether the detector fires, after how many samples."""

    alarm: bool
    samples: int
