"""Update rules in place on a flat piece of weights: gradient descent, Adam, and what is added to a gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ...core.compute import Adam, Pull, Sgd
from ...core.errors import ConfigError
from ...core.tensors import Layout, Tensors

FIRST, SECOND, TINY = 0.9, 0.999, 1e-8  # Adam's, as in its paper


@dataclass(frozen=True, eq=False)
class Affine:
    """What pulls and a push add to a gradient g at weights w: g + slope * w + offset."""

    slope: torch.Tensor
    offset: torch.Tensor

    def add_to(self, grad: torch.Tensor, weights: torch.Tensor, part: slice) -> None:
        """Adds it, in place, to one piece; `grad` and `weights` are the whole buffers."""
        grad[part].addcmul_(self.slope[part], weights[part]).add_(self.offset[part])


def affine(pulls: Sequence[Pull], push: Tensors | None, layout: Layout, size: int) -> Affine | None:
    """All pulls and the push as one term, or None where there are none. Raises ConfigError for another model's."""
    if not pulls and push is None:
        return None
    slope, offset = np.zeros(size, np.float32), np.zeros(size, np.float32)
    for pull in pulls:
        strength = np.float32(pull.strength) if pull.scale is None else pull.strength * _flat(pull.scale, layout)
        slope += strength
        offset -= strength * _flat(pull.toward, layout)
    if push is not None:
        offset += _flat(push, layout)
    return Affine(torch.from_numpy(slope), torch.from_numpy(offset))


def _flat(tensors: Tensors, layout: Layout) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    if tensors.layout != layout:
        raise ConfigError("a pull or push has other tensors than the model; make it from weights of the same build()")
    return tensors.flat


class SgdRule:
    """w -= rate * v, where v = momentum * v + gradient + decay * w."""

    def __init__(self, how: Sgd, weights: torch.Tensor, grad: torch.Tensor) -> None:
        self._how, self._weights, self._grad = how, weights, grad
        self._velocity = torch.zeros_like(weights) if how.momentum else None

    def step(self, rate: float) -> None:
        """One update."""
        step = self._grad
        if self._how.decay:
            step.add_(self._weights, alpha=self._how.decay)
        if self._velocity is not None:
            step = self._velocity.mul_(self._how.momentum).add_(step)
        self._weights.add_(step, alpha=-rate)


class AdamRule:
    """Adam with decoupled decay.

    Source: Kingma & Ba 2015, arXiv:1412.6980; Loshchilov & Hutter 2019, arXiv:1711.05101.
    """

    def __init__(self, how: Adam, weights: torch.Tensor, grad: torch.Tensor) -> None:
        self._how, self._weights, self._grad = how, weights, grad
        self._mean, self._square = torch.zeros_like(weights), torch.zeros_like(weights)
        self._scratch = torch.empty_like(weights)
        self._turn = 0

    def step(self, rate: float) -> None:
        """One update."""
        self._turn += 1
        self._mean.lerp_(self._grad, 1 - FIRST)
        self._square.mul_(SECOND).addcmul_(self._grad, self._grad, value=1 - SECOND)
        if self._how.decay:
            self._weights.mul_(1 - rate * self._how.decay)
        spread = (1 - SECOND**self._turn) ** 0.5
        torch.sqrt(self._square, out=self._scratch).div_(spread).add_(TINY)
        self._weights.addcdiv_(self._mean, self._scratch, value=-rate / (1 - FIRST**self._turn))


def rate_at(how: Sgd | Adam, step: int, steps: int) -> float:
    """The rate of step `step` of `steps`, from 0: constant, then falling in a line to nothing while cooling.

    >>> [rate_at(Sgd(1.0, cooling=0.5), step, 4) for step in range(4)]
    [1.0, 1.0, 1.0, 0.5]
    """
    cooling = how.cooling * steps
    return how.rate * min(1.0, (steps - step) / cooling) if cooling else how.rate


def rule(how: Sgd | Adam, weights: torch.Tensor, grad: torch.Tensor) -> SgdRule | AdamRule:
    """The rule that `how` names, over one piece of the buffers."""
    if isinstance(how, Adam):
        return AdamRule(how, weights, grad)
    return SgdRule(how, weights, grad)
