"""Trains a cohort of dense models without autograd: batched products, and a backward pass that moves the weights.

The update is part of the product that makes the gradient, so no gradient is ever written.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.compute import Fit, Fitted, Sgd
from ...core.sample import Examples
from .cohort import Pool, Timetable, Weights, timetable
from .descent import Descent
from .layers import Passes, Stack
from .rules import affine, rate_at

SHARE = 0.8  # of a core's own cache, for the weights of clients that are trained together
USUAL_BYTES = 1 << 20  # that cache, where the system does not tell
MOST = 64  # clients that are trained together: above, nothing is gained


@cache
def _cache_bytes() -> int:
    """The size of a core's own cache: products that find their weights in it are twice as fast."""
    try:
        told = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text("ascii").strip()
    except OSError:
        return USUAL_BYTES
    return int(told[:-1]) << 10 if told.endswith("K") and told[:-1].isdigit() else USUAL_BYTES


def together(stack: Stack) -> int:
    """How many clients to train at once; it changes the time, not the result."""
    return max(1, min(MOST, int(SHARE * _cache_bytes()) // (4 * stack.parameters)))


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
        self._weights = self._room(len(asked))
        self._weights.load([one.start.flat for one in asked])
        self._velocity = self._room(len(asked)).clear() if how.momentum else None
        self._decay = how.decay + sum(pull.strength for pull in asked[0].pulls if pull.scale is None)
        self._slopes, self._offset = self._added()

    def _room(self, clients: int) -> Weights:
        return Weights(self._stack.layout, clients, self._stack.turned)

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
        offset = self._room(len(given))
        offset.load([term.offset.numpy() for term in terms if term is not None])
        if all(pull.scale is None for pull in first.pulls):
            return None, offset
        slopes = self._room(len(given))
        slopes.load([term.slope.numpy() + np.float32(self._how.decay) for term in terms if term is not None])
        self._decay = 0.0  # it is in the slopes
        return slopes, offset

    def train(self) -> list[Fitted]:
        """All epochs of all of them."""
        plan, pool = self._plan, self._pool
        steps, clients, width = plan.rows.shape
        labels = pool.y[plan.rows][..., None]  # [steps, clients, width, 1]
        said = torch.ones(steps - plan.told, clients, width, 1)
        less, n = torch.full((1, 1, 1), -1.0).expand(clients, width, 1), -1
        batches = zip(plan.rows.unbind(), labels.unbind(), plan.factors, strict=True)
        for step, (rows, wanted, factor) in enumerate(batches):
            if plan.learning[step] != n:
                n = plan.learning[step]
                passes = Passes(self._stack, self._weights.first(n), width)
                descent = self._descent(n, width)
            wanted = wanted[:n] if n < clients else wanted
            torch.index_select(pool.x, 0, rows[:n].view(-1), out=passes.rows)
            slope = passes.up()
            if step >= plan.told:
                torch.gather(slope, 2, wanted, out=said[step - plan.told, :n])
            slope.scatter_add_(2, wanted, less)
            if factor is not None:
                slope.mul_(factor)
            passes.down(descent.at(rate_at(self._how, step, steps)))
        return self._fitted(said[..., 0].numpy())

    def _descent(self, n: int, width: int) -> Descent:
        """Of the first n clients."""
        held = (self._velocity, self._slopes, self._offset)
        return Descent(width, self._decay, self._how.momentum, *([] if one is None else one.first(n) for one in held))

    def _fitted(self, said: NDArray[np.float32]) -> list[Fitted]:
        """What became of each; a chance of 0 counts as the smallest number there is."""
        spoken = np.log(np.maximum(said, np.finfo(np.float32).tiny))
        counted = spoken if self._plan.last is None else spoken * self._plan.last
        losses = -counted.sum((0, 2), dtype=np.float64)
        after = self._weights.save()
        steps = [self._how.epochs * math.ceil(size / self._how.batch) for size in self._sizes]
        given = zip(self._asked, after, steps, losses, self._sizes, strict=True)
        return [Fitted(one.start.with_flat(w), turns, float(loss) / size) for one, w, turns, loss, size in given]


def _same_terms(one: Fit, other: Fit) -> bool:
    pairs = zip(one.pulls, other.pulls, strict=True)
    return one.push is other.push and all(a.toward is b.toward and a.scale is b.scale for a, b in pairs)
