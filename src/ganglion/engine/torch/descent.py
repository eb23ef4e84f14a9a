"""How the tensors of several clients move: by a product, and by what pulls, a push, decay and momentum add to it.

Whatever is multiplied and then added is so in two operations: one would round by the place of a value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch

from .layers import Product


@dataclass(frozen=True, eq=False)
class Descent:
    """For some clients, whose products are sums over batches of `width`, not means. Empty lists: nothing of the kind.

    A gradient at weights w is product / width + decay * w + slopes * w + offset.
    """

    width: int
    decay: float
    momentum: float
    velocity: Sequence[torch.Tensor]  # by place in the layout, [n, ...], as everything here
    slopes: Sequence[torch.Tensor]  # [n or 1, ...]
    offset: Sequence[torch.Tensor]  # [n or 1, ...]

    def at(self, rate: float) -> Callable[[Product], None]:
        """What moves a tensor at a rate."""
        if self.velocity:
            return partial(self._heavy, rate)
        if self.slopes or self.offset:
            return partial(self._pulled, rate)
        beta, alpha = self._factors(rate)

        def plain(one: Product) -> None:
            one.weights.baddbmm_(one.left, one.right, beta=beta, alpha=alpha)

        return plain

    def _factors(self, rate: float) -> tuple[float, float]:
        return 1.0 - rate * self.decay, -rate / self.width

    def _pulled(self, rate: float, one: Product) -> None:
        beta, alpha = self._factors(rate)
        if self.slopes:
            one.weights.sub_(_like(self.slopes[one.at], one) * one.weights * rate)
        one.weights.baddbmm_(one.left, one.right, beta=beta, alpha=alpha)
        if self.offset:
            one.weights.sub_(_like(self.offset[one.at], one) * rate)

    def _heavy(self, rate: float, one: Product) -> None:
        """v = momentum * v + gradient; w -= rate * v."""
        velocity = _like(self.velocity[one.at], one)
        velocity.baddbmm_(one.left, one.right, beta=self.momentum, alpha=1.0 / self.width)
        if self.slopes:
            velocity.add_(_like(self.slopes[one.at], one) * one.weights)
        if self.decay:
            velocity.add_(one.weights * self.decay)
        if self.offset:
            velocity.add_(_like(self.offset[one.at], one))
        one.weights.sub_(velocity * rate)


def _like(part: torch.Tensor, one: Product) -> torch.Tensor:
    """As [clients, a, b], which a bias is not by itself."""
    return part.view(-1, *one.weights.shape[1:])
