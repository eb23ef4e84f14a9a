"""A dense stack's way up and down for several clients at once, without autograd, in rooms that are made once.

Every product is batched over clients; the way down tells which products the weights move by, and writes no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ...core.tensors import Layout
from .dense import Layer

LANES = 64  # values that the widest processor bends at once
WIDE = range(32, 129)  # outputs for which products with a weight kept as [inputs, outputs] are worth the turning


@dataclass(frozen=True, eq=False)
class Stack:
    """A dense model: its layout, its layers, and which of its tensors move."""

    layout: Layout
    layers: tuple[Layer, ...]
    moves: tuple[bool, ...]

    @property
    def parameters(self) -> int:
        """How many there are."""
        return sum(math.prod(shape) for _, shape in self.layout)

    @property
    def classes(self) -> int:
        """How many the last layer tells apart."""
        return self.layout[self.layers[-1].weight][1][0]

    @property
    def lowest(self) -> int:
        """The first layer of which anything moves; below it no slope is needed."""
        moving = [
            at
            for at, one in enumerate(self.layers)
            if self.moves[one.weight] or (one.bias is not None and self.moves[one.bias])
        ]
        return moving[0]

    @property
    def turned(self) -> frozenset[int]:
        """Weights kept as [inputs, outputs]: no slope is needed below them, whose product would be the slower."""
        below = self.layers[: self.lowest + 1]
        return frozenset(one.weight for one in below if self.layout[one.weight][1][0] in WIDE)


@dataclass(frozen=True, eq=False)
class Product:
    """What a tensor moves by: `weights` [n, a, b] -= rate x `left` [n, a, width] @ `right` [n, width, b]."""

    at: int  # the tensor's place in the layout
    weights: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor


@dataclass(frozen=True, eq=False)
class _Up:
    """One layer forward: out = bend(bias + source @ weight)."""

    bias: torch.Tensor | None
    source: torch.Tensor
    weight: torch.Tensor
    out: torch.Tensor
    room: torch.Tensor  # of `out`, as long as LANES want it: no value is bent by the slower code for what is left over
    bend: Callable[[torch.Tensor], torch.Tensor] | None


@dataclass(frozen=True, eq=False)
class _Down:
    """One layer backward: the slope of what is below, if that is wanted, then the products that move this one."""

    slope: torch.Tensor
    weight: torch.Tensor
    below: torch.Tensor | None  # what the layer below gave; None where its slope is not wanted
    next: torch.Tensor
    unbend: Callable[[torch.Tensor, torch.Tensor], object] | None
    products: tuple[Product, ...]


class Passes:
    """Both ways for n clients with batches of `width`; `weights` are their tensors by place, [n, ...]."""

    def __init__(self, stack: Stack, weights: Sequence[torch.Tensor], width: int) -> None:
        n, turned = len(weights[0]), stack.turned
        inputs = weights[stack.layers[0].weight].shape[1 if stack.layers[0].weight in turned else 2]
        self.rows = torch.empty(n * width, inputs)  # of the pool, to be filled before each step
        self._up: list[_Up] = []
        source = self.rows.view(n, width, inputs)
        for layer in stack.layers:
            weight = weights[layer.weight] if layer.weight in turned else weights[layer.weight].transpose(1, 2)
            bias = None if layer.bias is None else weights[layer.bias][:, None, :]
            used = n * width * weight.shape[2]
            room = torch.zeros(-(-used // LANES) * LANES)
            out = room[:used].view(n, width, -1)
            self._up.append(_Up(bias, source, weight, out, room, _BENDS.get(layer.bend)))
            source = out
        self.chances = torch.empty_like(source)  # [n, width, classes]
        self._down = list(self._way_down(stack, weights, torch.ones(n, 1, width)))

    def _way_down(self, stack: Stack, weights: Sequence[torch.Tensor], ones: torch.Tensor) -> Iterator[_Down]:
        slope = self.chances
        for at in range(len(stack.layers) - 1, stack.lowest - 1, -1):
            layer, source = stack.layers[at], self._up[at].source
            weight, products = weights[layer.weight], list[Product]()
            if stack.moves[layer.weight]:
                turned = layer.weight in stack.turned
                pair = (source.transpose(1, 2), slope) if turned else (slope.transpose(1, 2), source)
                products.append(Product(layer.weight, weight, *pair))
            if layer.bias is not None and stack.moves[layer.bias]:
                products.append(Product(layer.bias, weights[layer.bias][:, None, :], ones, slope))
            wanted = at > stack.lowest
            below = torch.empty_like(source) if wanted else slope
            unbend = _UNBENDS.get(stack.layers[at - 1].bend) if wanted else None
            yield _Down(slope, weight, source if wanted else None, below, unbend, tuple(products))
            slope = below

    def up(self) -> torch.Tensor:
        """Chances [n, width, classes] for the rows that are there, in a room that `down` takes as its slope."""
        for one in self._up:
            if one.bias is None:
                torch.bmm(one.source, one.weight, out=one.out)
            else:
                torch.baddbmm(one.bias, one.source, one.weight, out=one.out)
            if one.bend is not None:
                one.bend(one.room)
        return torch.softmax(self._up[-1].out, -1, out=self.chances)

    def down(self, move: Callable[[Product], None]) -> None:
        """Moves the tensors of each layer as soon as the slope of the one below is known."""
        for one in self._down:
            if one.below is not None:
                torch.bmm(one.slope, one.weight, out=one.next)
                if one.unbend is not None:
                    one.unbend(one.next, one.below)
            for product in one.products:
                move(product)


def _relu_down(slope: torch.Tensor, out: torch.Tensor) -> None:
    _threshold(slope, out, 0, grad_input=slope)


_threshold = torch.ops.aten.threshold_backward.grad_input
_BENDS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
_UNBENDS: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {  # (slope, what came out): in place
    "relu": _relu_down,
    "tanh": lambda slope, out: slope.mul_(1.0 - out.square()),
    "sigmoid": lambda slope, out: slope.mul_((1.0 - out).mul_(out)),
}
