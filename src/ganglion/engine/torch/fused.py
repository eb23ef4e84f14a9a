"""Trains a cohort of dense models without autograd: batched products, and a backward pass that moves the weights.

The update is part of the product that makes the gradient, so no gradient is ever written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.compute import Fit, Fitted, Sgd
from ...core.sample import Examples
from ...core.tensors import Layout
from .cohort import Pool, Timetable, Weights, timetable
from .dense import Layer
from .rules import affine, rate_at

CACHE_BYTES = 8 << 20  # weights of clients that are trained together: what a core keeps near
LANES = 64  # values that the widest processor bends at once
MOST = 64  # clients that are trained together: above, nothing is gained


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
    def lowest(self) -> int:
        """The first layer of which anything moves; below it no slope is needed."""
        moving = [
            at
            for at, one in enumerate(self.layers)
            if self.moves[one.weight] or (one.bias is not None and self.moves[one.bias])
        ]
        return moving[0]


@dataclass(frozen=True, eq=False)
class _Views:
    """Of the first few clients, tensor by tensor; empty lists where there is nothing of the kind."""

    weights: list[torch.Tensor]
    velocity: list[torch.Tensor]
    rows: list[torch.Tensor]
    offset: list[torch.Tensor]

    @property
    def added(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """What is added to a slope: times the weights, and as it is."""
        return self.rows, self.offset


def together(stack: Stack) -> int:
    """How many clients to train at once; it changes the time, not the result."""
    return max(1, min(MOST, CACHE_BYTES // (4 * stack.parameters)))


def fused(stack: Stack, asked: Sequence[Fit], data: Sequence[Examples], seed: int) -> list[Fitted]:
    """Trains clients whose requests differ in start, data, key, pulls' targets and push alone.

    A client's loss is not finite where its training diverged.
    """
    sizes = [len(one) for one in data]
    order = sorted(range(len(asked)), key=lambda at: (-math.ceil(sizes[at] / asked[at].how.batch), at))
    found: dict[int, Fitted] = {}
    most = together(stack)
    for begin in range(0, len(order), most):
        chosen = order[begin : begin + most]
        made = _Chunk(stack, [asked[at] for at in chosen], [data[at] for at in chosen], seed).train()
        found |= dict(zip(chosen, made, strict=True))
    return [found[at] for at in range(len(asked))]


class _Chunk:
    """Clients that are trained at once, in falling order of steps."""

    def __init__(self, stack: Stack, asked: Sequence[Fit], data: Sequence[Examples], seed: int) -> None:
        how = asked[0].how
        assert isinstance(how, Sgd)
        self._stack, self._asked, self._how = stack, asked, how
        self._sizes = [len(one) for one in data]
        self._pool = Pool(data)
        self._plan: Timetable = timetable(asked, self._sizes, self._pool.starts, seed)
        self._weights = Weights(stack.layout, len(asked))
        self._weights.load([one.start.flat for one in asked])
        self._velocity = Weights(stack.layout, len(asked)) if how.momentum else None
        self._decay = how.decay + sum(pull.strength for pull in asked[0].pulls if pull.scale is None)
        self._rows, self._offset = self._added()
        self._ones = torch.ones(len(asked), 1, self._plan.rows.shape[2])

    def _added(self) -> tuple[Weights | None, Weights | None]:
        """What pulls and push add to a gradient, rows of slopes and of constants; one row where all clients agree.

        Where every slope is one number for all weights it is part of the decay, and there are no rows of slopes.
        """
        first = self._asked[0]
        if not first.pulls and first.push is None:
            return None, None
        alike = all(_same_terms(one, first) for one in self._asked)
        given = [first] if alike else list(self._asked)
        terms = [affine(one.pulls, one.push, self._stack.layout, len(one.start.flat)) for one in given]
        offset = Weights(self._stack.layout, len(given))
        offset.load([term.offset.numpy() for term in terms if term is not None])
        if all(pull.scale is None for pull in first.pulls):
            return None, offset
        rows = Weights(self._stack.layout, len(given))
        rows.load([term.slope.numpy() + np.float32(self._how.decay) for term in terms if term is not None])
        self._decay = 0.0  # it is in the rows
        return rows, offset

    def train(self) -> list[Fitted]:
        """All epochs of all of them."""
        plan, classes = self._plan, self._stack.layout[self._stack.layers[-1].weight][1][0]
        steps, clients, width = plan.rows.shape
        x = torch.empty(clients * width, self._pool.x.shape[1])
        wanted, eye = torch.empty(clients * width, classes), torch.eye(classes)
        labels = self._pool.y[plan.rows]  # [steps, clients, width]
        said = torch.ones(steps, clients, width, 1)
        now, views = -1, _Views([], [], [], [])
        for step in range(steps):
            n = plan.learning[step]
            if n != now:
                now, views = n, self._views(n)
            used = n * width
            torch.index_select(self._pool.x, 0, plan.rows[step, :n].reshape(-1), out=x[:used])
            torch.index_select(eye, 0, labels[step, :n].reshape(-1), out=wanted[:used])
            outs = self._forward(x[:used].view(n, width, -1), views.weights)
            chances = torch.softmax(outs[-1], -1)
            said[step, :n] = chances.gather(2, labels[step, :n, :, None])
            slope = chances.sub_(wanted[:used].view(n, width, classes)).mul_(plan.share[step, :n])
            self._backward(outs, slope, views, rate_at(self._how, step, steps))
        return self._fitted(said[..., 0].numpy())

    def _views(self, n: int) -> _Views:
        held = (self._weights, self._velocity, self._rows, self._offset)
        return _Views(*([] if one is None else [part[:n] for part in one.parts] for one in held))

    def _forward(self, x: torch.Tensor, weights: list[torch.Tensor]) -> list[torch.Tensor]:
        """The input and what each layer makes of it, [n, width, features]."""
        outs, (n, width, _) = [x], x.shape
        for layer in self._stack.layers:
            weight = weights[layer.weight]
            used = n * width * weight.shape[1]
            room = torch.empty(-(-used // LANES) * LANES)  # no value is bent by the slower code for what is left over
            out = room[:used].view(n, width, -1)
            if layer.bias is None:
                torch.bmm(outs[-1], weight.transpose(1, 2), out=out)
            else:
                torch.baddbmm(weights[layer.bias][:, None, :], outs[-1], weight.transpose(1, 2), out=out)
            _BENT[layer.bend](room)
            outs.append(out)
        return outs

    def _backward(self, outs: list[torch.Tensor], slope: torch.Tensor, views: _Views, rate: float) -> None:
        """Moves the weights of each layer as soon as the slope of the one below is known."""
        moves, layers = self._stack.moves, self._stack.layers
        for at in range(len(layers) - 1, self._stack.lowest - 1, -1):
            layer, below, here = layers[at], outs[at], slope
            if at > self._stack.lowest:
                slope = _SLOPES[layers[at - 1].bend](torch.bmm(here, views.weights[layer.weight]), below)
            if moves[layer.weight]:
                self._move(layer.weight, views, rate, here.transpose(1, 2), below)
            if layer.bias is not None and moves[layer.bias]:
                self._move(layer.bias, views, rate, self._ones[: len(here)], here)

    def _move(self, at: int, views: _Views, rate: float, left: torch.Tensor, right: torch.Tensor) -> None:
        """One tensor [n, a, b] -= rate * (left @ right + what is added); the product itself is never written.

        Whatever is multiplied and then added is so in two operations: one would round by the place of a value.
        """
        weights = views.weights[at].view(len(left), left.shape[1], right.shape[2])
        rows, offset = ([part.view(-1, *weights.shape[1:]) for part in (of[at : at + 1])] for of in views.added)
        if views.velocity:
            velocity = views.velocity[at].view(weights.shape)
            velocity.baddbmm_(left, right, beta=self._how.momentum)
            for slope in rows:
                velocity.add_(slope * weights)
            if self._decay:
                velocity.add_(weights * self._decay)
            for constant in offset:
                velocity.add_(constant)
            weights.sub_(velocity * rate)
            return
        for slope in rows:
            weights.sub_(slope * weights * rate)
        weights.baddbmm_(left, right, beta=1.0 - rate * self._decay, alpha=-rate)
        for constant in offset:
            weights.sub_(constant * rate)

    def _fitted(self, said: NDArray[np.float32]) -> list[Fitted]:
        """What became of each; a chance of 0 counts as the smallest number there is."""
        least = np.finfo(np.float32).tiny
        losses = -(np.log(np.maximum(said, least)) * self._plan.last).sum((0, 2), dtype=np.float64)
        after = self._weights.save()
        steps = [self._how.epochs * math.ceil(size / self._how.batch) for size in self._sizes]
        given = zip(self._asked, after, steps, losses, self._sizes, strict=True)
        return [Fitted(one.start.with_flat(w), turns, float(loss) / size) for one, w, turns, loss, size in given]


def _same_terms(one: Fit, other: Fit) -> bool:
    pairs = zip(one.pulls, other.pulls, strict=True)
    return one.push is other.push and all(a.toward is b.toward and a.scale is b.scale for a, b in pairs)


def _as_it_is(value: torch.Tensor) -> torch.Tensor:
    return value


_BENT: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "": _as_it_is,
    "relu": torch.relu_,
    "tanh": torch.tanh_,
    "sigmoid": torch.sigmoid_,
}
_SLOPES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {  # (slope above, what came out) -> below
    "": lambda slope, out: slope,
    "relu": lambda slope, out: torch.ops.aten.threshold_backward(slope, out, 0),
    "tanh": lambda slope, out: slope.mul_(1.0 - out.square()),
    "sigmoid": lambda slope, out: slope.mul_((1.0 - out).mul_(out)),
}
