"""What must be known before a place can be chosen: the machines, the links, the model's costs and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError
from ..core.fleet import Link
from ..core.label import Form, Label, Tier, Zone, may_enter
from ..core.model import Model
from ..core.plan import NEVER, Goal, Stage
from ..core.probability import Floats, confidence
from ..core.profile import Profile

GRID = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, NEVER)


@dataclass(frozen=True)
class Host:
    """One zone's machine."""

    profile: Profile
    slowdown: float = 1.0  # declared: its compute takes this many times as long as profiled
    memory_bytes: int | None = None  # declared limit for a stage; None = no limit

    def seconds(self, stage: Stage) -> float:
        """How long a stage takes here."""
        return self.profile.seconds(stage.first, stage.last) * self.slowdown


@dataclass(frozen=True, eq=False)
class Calibration:
    """What each exit says about held-out samples: how sure it is, and whether it is right; both [exits, n]."""

    sure: Floats
    right: Floats  # 1.0 where right

    @staticmethod
    def of(probabilities: Sequence[Floats], y: NDArray[np.integer[Any]]) -> Calibration:
        """From calibrated probabilities [n, classes] per exit, nearest first, and labels [n]."""
        sure = np.stack([confidence(p).astype(np.float64) for p in probabilities])
        return Calibration(sure, np.stack([(p.argmax(-1) == y).astype(np.float64) for p in probabilities]))


@dataclass(frozen=True, eq=False)
class Problem:
    """Device, edge and cloud, one machine each: a plan is for one sample at a time, and nothing queues.

    Raises ConfigError if the parts do not fit together.
    """

    model: Model
    hosts: tuple[Host, Host, Host]  # device, edge, cloud
    links: tuple[Link, Link]  # device to edge, edge to cloud
    memory_bytes: tuple[tuple[int, int, int], ...]  # (first, last, bytes) of each stage that is offered
    sent_bytes: tuple[int, ...]  # what a stage that begins at segment i is sent; 0 = the raw sample
    calibration: Calibration
    mix: tuple[tuple[Tier, float], ...]  # share of each tier among the samples; they add up to 1
    goal: Goal = Goal()
    grid: tuple[float, ...] = GRID  # thresholds to choose from
    frame_bytes: int = 120  # around every message
    answer_bytes: int = 64

    def __post_init__(self) -> None:
        exits = len(self.model.exits)
        if len(self.sent_bytes) != exits or len(self.calibration.sure) != exits:
            sizes = f"{len(self.sent_bytes)} sent sizes and {len(self.calibration.sure)} calibrated exits"
            raise ConfigError(f"a model of {exits} exits came with {sizes}; give one of each per exit")
        total = sum(share for _, share in self.mix)
        if abs(total - 1.0) > 1e-9 or any(share < 0 for _, share in self.mix):
            raise ConfigError(f"the shares of the tiers {self.mix} add up to {total}; they must add up to 1")
        for host in self.hosts:
            if host.profile.model != self.model.weights:
                raise ConfigError(
                    f"a profile was measured for model {host.profile.model[:12]}, not for {self.model.weights[:12]}; "
                    "measure this one: every job does"
                )

    def fits(self, zone: Zone, first: int, last: int, limited: bool = True) -> bool:
        """Whether a stage is offered and keeps the zone's memory limit."""
        limit = self.hosts[zone].memory_bytes if limited else None
        sizes = [size for a, b, size in self.memory_bytes if (a, b) == (first, last)]
        return bool(sizes) and (limit is None or sizes[0] <= limit)

    def reaches(self, tier: Tier, stage: Stage) -> bool:
        """Whether samples of a tier may go to a stage in the form that it is sent."""
        form = Form.RAW if stage.first == 0 else Form.FEATURE
        return may_enter(Label(tier, form), stage.zone)
