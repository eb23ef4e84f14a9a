"""The Gaussian mechanism on an update: clipped, then drowned in noise that is measured by the clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.random import Generator, Philox

from ..core.update import Update
from .accountant import epsilon
from .clip import Clip


@dataclass(frozen=True)
class Noise:
    """Adds to every weight independent noise of standard deviation `clip` * `multiplier`.

    What is hidden is the whole update: an observer cannot well tell it from no update at all (zeros in its place), so
    everything the site has learnt from counts as one. To hide which of two updates it was, take twice the multiplier.
    The number of examples an update counts for is not hidden. Noise is drawn in floating point, whose gaps an attacker
    with exact arithmetic may exploit (Mironov 2012, CCS).

    Source: Dwork & Roth 2014, appendix A; McMahan et al. 2018, arXiv:1710.06963; zeros in place of a participant:
    Kairouz et al. 2021, arXiv:2103.00039.
    """

    clip: float = 1.0
    multiplier: float = 1.0
    needs: ClassVar[frozenset[str]] = frozenset()
    hides: ClassVar[frozenset[str]] = frozenset({"weight"})  # a count beside the noisy update would be in the clear

    def __post_init__(self) -> None:
        if not self.multiplier > 0.0 or not self.clip > 0.0:
            raise ValueError(f"{self} protects nothing; clip and multiplier must be above 0")

    def __call__(self, update: Update, rng: Generator, kept: Any) -> tuple[Update, Any]:
        """The noisy update. `rng` must be secret: made from `Rng.secret`, see `generator`."""
        clipped, _ = Clip(self.clip)(update, rng, None)
        drawn = rng.normal(0.0, self.clip * self.multiplier, clipped.delta.flat.shape)
        noisy = clipped.delta.flat.astype(np.float64) + drawn
        return replace(clipped, delta=clipped.delta.with_flat(noisy.astype(np.float32))), kept

    def epsilon(self, delta: float, times: int = 1) -> float:
        """What `times` such updates of the same data promise together, at this delta."""
        return epsilon(self.multiplier, delta, times)


def generator(secret: bytes) -> Generator:
    """Random numbers from 32 secret bytes, which must be used once. Raises ValueError for fewer."""
    if len(secret) < 32:
        raise ValueError(f"{len(secret)} secret bytes are too few for noise; ask `Rng.secret` for 32")
    key, counter = int.from_bytes(secret[:16], "little"), int.from_bytes(secret[16:32], "little")
    return Generator(Philox(key=key, counter=counter))
