"""Bounds how much one update can change a model, whatever it was learnt from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from numpy.random import Generator

from ..core.update import Update


@dataclass(frozen=True)
class Clip:
    """Shortens an update to Euclidean norm `bound`, over all its tensors, if it is longer; its direction stays.

    Source: Abadi et al. 2016, arXiv:1607.00133, there for gradients; McMahan et al. 2018, arXiv:1710.06963.
    """

    bound: float = 1.0
    needs: ClassVar[frozenset[str]] = frozenset()
    hides: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        if not self.bound > 0.0:
            raise ValueError(f"a norm cannot be held to {self.bound}; the bound must be above 0")

    def __call__(self, update: Update, rng: Generator, kept: Any) -> tuple[Update, Any]:
        """The update within the bound. Raises ValueError if it is not finite."""
        norm = update.delta.norm()
        if not norm < float("inf"):
            raise ValueError(f"an update of norm {norm} cannot be clipped; training diverged, lower its rate")
        # a hair below: float32 rounding must not carry the norm over the bound that noise is measured against
        scale = self.bound / norm * (1.0 - 1e-6) if norm > self.bound else 1.0
        return replace(update, delta=update.delta * scale), kept
