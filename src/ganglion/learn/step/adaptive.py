"""Adagrad, Adam and Yogi at the server: each weight has its own rate, by how much its deltas have varied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...core.tensors import Tensors

State = tuple[Tensors, Tensors]  # the mean of the deltas and of their squares


@dataclass(frozen=True)
class Adagrad:
    """m <- beta m + (1 - beta) delta; v <- v + delta^2; weights + rate * m / (sqrt(v) + tau); v begins at tau^2.

    Source: Reddi et al. 2021, arXiv:2003.00295, algorithm 2.
    """

    rate: float = 0.1
    beta: float = 0.0  # the paper's beta_1 for Adagrad
    tau: float = 1e-3  # the larger, the less the rates differ

    def __call__(self, weights: Tensors, delta: Tensors, state: State | None = None) -> tuple[Tensors, State]:
        """The next weights, and the two means."""
        return _moved(self.rate, self.tau, weights, _means(self.beta, self.tau, delta, state), _sum)


@dataclass(frozen=True)
class Adam:
    """As Adagrad, but v <- beta2 v + (1 - beta2) delta^2. Without bias correction, as the paper has it."""

    rate: float = 0.01
    beta: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3

    def __call__(self, weights: Tensors, delta: Tensors, state: State | None = None) -> tuple[Tensors, State]:
        """The next weights, and the two means."""
        made = _means(self.beta, self.tau, delta, state)
        return _moved(self.rate, self.tau, weights, made, lambda v, square: self.beta2 * v + (1 - self.beta2) * square)


@dataclass(frozen=True)
class Yogi:
    """As Adagrad, but v <- v - (1 - beta2) delta^2 sign(v - delta^2): v grows fast and never falls fast."""

    rate: float = 0.01
    beta: float = 0.9
    beta2: float = 0.99
    tau: float = 1e-3

    def __call__(self, weights: Tensors, delta: Tensors, state: State | None = None) -> tuple[Tensors, State]:
        """The next weights, and the two means."""
        made = _means(self.beta, self.tau, delta, state)
        return _moved(
            self.rate, self.tau, weights, made, lambda v, square: v - (1 - self.beta2) * square * np.sign(v - square)
        )


Array = NDArray[np.float64]
Grow = Callable[[Array, Array], Array]


def _sum(v: Array, square: Array) -> Array:
    return v + square


def _means(beta: float, tau: float, delta: Tensors, state: State | None) -> tuple[Array, Array, Array]:
    """The next mean of the deltas, the last mean of squares, and this delta's square."""
    now = delta.flat.astype(np.float64)
    if state is None:
        return (1 - beta) * now, np.full_like(now, tau**2), now**2
    return beta * state[0].flat + (1 - beta) * now, state[1].flat.astype(np.float64), now**2


def _moved(
    rate: float, tau: float, weights: Tensors, made: tuple[Array, Array, Array], grow: Grow
) -> tuple[Tensors, State]:
    mean, before, square = made
    v = grow(before, square)
    step = (rate * mean / (np.sqrt(v) + tau)).astype(np.float32)
    after = weights.with_flat(weights.flat + step)
    return after, (weights.with_flat(mean.astype(np.float32)), weights.with_flat(v.astype(np.float32)))
