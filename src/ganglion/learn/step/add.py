"""Adds the delta to the weights."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.tensors import Tensors


@dataclass(frozen=True)
class Add:
    """weights + rate * delta. Source: McMahan et al. 2017, arXiv:1602.05629, at rate 1."""

    rate: float = 1.0

    def __call__(self, weights: Tensors, delta: Tensors, state: None = None) -> tuple[Tensors, None]:
        """The next weights; there is nothing to remember."""
        return weights + (delta if self.rate == 1.0 else delta * self.rate), None
