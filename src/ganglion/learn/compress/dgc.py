"""Deep gradient compression: what is not sent goes on growing with its momentum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ...core.errors import ConfigError
from ...core.tensors import Tensors
from .feedback import RESIDUAL

VELOCITY = "velocity"  # as clients keep it


@dataclass(frozen=True)
class Dgc:
    """u = m * u + delta; v = v + u; v's largest are sent; there v and u begin again from nothing.

    Source: Lin et al. 2018, arXiv:1712.01887, algorithm 4: momentum correction, momentum factor masking and local
    clipping. Departures: the "gradient" is a client's change over its part of a round, and what quantising adds to
    the error of a sent number stays in v. The warm-up is in TopK.
    """

    momentum: float = 0.9
    clip: float = math.inf  # longest delta; the paper: the bound for all, over the square root of how many send
    keeps: ClassVar[tuple[str, ...]] = (RESIDUAL, VELOCITY)

    def __post_init__(self) -> None:
        if not 0.0 <= self.momentum < 1.0 or not self.clip > 0.0:
            raise ConfigError(f"{self}: momentum lies from 0 to below 1, clip above 0; such as momentum 0.9")

    def before(self, delta: Tensors, kept: Mapping[str, Tensors]) -> tuple[Tensors, Mapping[str, Tensors]]:
        """v, and the u that it has grown by."""
        norm = delta.norm() if self.clip < math.inf else 0.0
        velocity = delta * (self.clip / norm) if norm > self.clip else delta
        if VELOCITY in kept:
            velocity = kept[VELOCITY] * self.momentum + velocity
        return (kept[RESIDUAL] + velocity if RESIDUAL in kept else velocity), {VELOCITY: velocity}

    def after(self, wanted: Tensors, sent: Tensors, meant: Mapping[str, Tensors]) -> Mapping[str, Tensors]:
        """v without what was sent, u without the places that were."""
        velocity = meant[VELOCITY]
        masked = np.where(sent.flat == 0.0, velocity.flat, np.float32(0.0))
        return {RESIDUAL: wanted - sent, VELOCITY: velocity.with_flat(masked)}
