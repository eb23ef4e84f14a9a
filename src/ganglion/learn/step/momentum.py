"""Adds deltas with momentum, so that rounds which disagree cancel and those which agree gather speed."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.tensors import Tensors


@dataclass(frozen=True)
class Momentum:
    """velocity <- beta * velocity + delta; weights + rate * velocity. At beta 0 it is Add.

    Source: Hsu et al. 2019, arXiv:1909.06335 (FedAvgM).
    """

    beta: float = 0.9
    rate: float = 1.0

    def __call__(self, weights: Tensors, delta: Tensors, state: Tensors | None = None) -> tuple[Tensors, Tensors]:
        """The next weights, and the velocity."""
        velocity = delta if state is None else state * self.beta + delta
        return weights + velocity * self.rate, velocity
