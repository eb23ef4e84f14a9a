"""Which zone runs which segments, when it may answer, and what that was expected to cost."""

from __future__ import annotations

from dataclasses import dataclass

from .label import Zone

NEVER = 2.0  # a threshold that no probability reaches
ALWAYS = 0.0


@dataclass(frozen=True)
class Goal:
    """What a plan is chosen by, and what it must keep."""

    deadline_s: float = 1.0
    risk: float = 0.02  # accuracy that may be lost against the whole model, on the calibration set, at most
    aim: float = 0.02  # … and what it should be: plans that lose no more than this come first
    far_share: float = 0.04  # largest share of public samples that may go to the cloud; keeps p95 off the long link
    objective: str = "latency"


@dataclass(frozen=True)
class Stage:
    """Segments [first, last) in one zone. first = 0: it is sent the raw sample, else the tensor at the boundary."""

    zone: Zone
    first: int
    last: int
    thresholds: tuple[float, ...]  # per exit in it; it answers there when at least so sure


@dataclass(frozen=True)
class Estimate:
    """What the planner expected, from profiles, links and the calibration set."""

    mean_s: float
    p95_s: float
    accuracy: float
    up_bytes: float  # per sample, on the link into the cloud
    shares: tuple[float, float, float]  # answered at device, edge, cloud


@dataclass(frozen=True)
class Plan:
    """Stages from near to far. A zone without one passes samples on."""

    name: str
    stages: tuple[Stage, ...]
    model: str  # digest of the weights it was made for
    estimate: Estimate | None = None

    def at(self, zone: Zone) -> Stage | None:
        """What runs there."""
        for stage in self.stages:
            if stage.zone is zone:
                return stage
        return None

    def beyond(self, zone: Zone) -> Stage | None:
        """The next stage farther away, if any."""
        for stage in self.stages:
            if stage.zone > zone:
                return stage
        return None
