"""Many clients' training as one: whose batch comes when, and the weights of all of them tensor by tensor.

What a client learns does not depend on whom it is trained with: its rows are its own, and what fills them up is zero.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.compute import Fit
from ...core.rng import streams
from ...core.sample import Examples
from ...core.tensors import Layout


@dataclass(frozen=True, eq=False)
class Timetable:
    """For clients in falling order of steps: which row of the pool each reads at each step; width is the batch's."""

    rows: torch.Tensor  # [steps, clients, width] int64
    learning: tuple[int, ...]  # [steps] how many clients, from the first, still learn at that step
    factors: tuple[torch.Tensor | None, ...]  # [steps] of [learning, width, 1]: width / size of the batch, 0 where a
    # row only fills up; None where all batches are full
    told: int  # the first step of anybody's last epoch, whose loss is told
    last: NDArray[np.bool_] | None  # [steps - told, clients, width]: rows of the last epoch; None: all of them


def timetable(asked: Sequence[Fit], sizes: Sequence[int], starts: Sequence[int], seed: int) -> Timetable:
    """One for clients of `sizes` examples that begin in the pool at `starts`, sorted by falling number of steps.

    Shuffles are those of a client alone, decided by its key.
    """
    how = asked[0].how
    width = min(how.batch, max(sizes))
    turns = [math.ceil(size / how.batch) for size in sizes]  # of an epoch
    steps, told = how.epochs * turns[0], (how.epochs - 1) * turns[-1]
    rows = np.zeros((len(asked), steps * width), np.int64)
    shuffles = streams(seed, ((*one.key, "shuffle", epoch) for one in asked for epoch in range(how.epochs)))
    for at, (size, start) in enumerate(zip(sizes, starts, strict=True)):
        own = rows[at, : how.epochs * turns[at] * width].reshape(how.epochs, -1)
        for epoch in range(how.epochs):
            own[epoch, :size] = next(shuffles).permutation(size)
        own[:, :size] += start
    turned = torch.from_numpy(np.ascontiguousarray(rows.reshape(len(asked), steps, width).swapaxes(0, 1)))
    if all(size == turns[0] * width for size in sizes):
        return Timetable(turned, (len(asked),) * steps, (None,) * steps, told, None)
    used, last = np.zeros((2, steps, len(asked), width), np.bool_)
    for at, (size, every) in enumerate(zip(sizes, turns, strict=True)):
        mine = (np.arange(every * width) < size).reshape(every, width)
        used[: how.epochs * every, at] = np.tile(mine, (how.epochs, 1))
        last[(how.epochs - 1) * every : how.epochs * every, at] = mine
    learning = tuple(used[:, :, 0].sum(1).tolist())
    share = used * (np.float32(width) / np.maximum(used.sum(2, keepdims=True, dtype=np.float32), 1.0))
    factors = tuple(
        None if used[step, :n].all() else torch.from_numpy(share[step, :n, :, None]) for step, n in enumerate(learning)
    )
    return Timetable(turned, learning, factors, told, last[told:])


class Pool:
    """The examples of several clients as one tensor; not copied where all are parts of one array."""

    def __init__(self, data: Sequence[Examples]) -> None:
        parts = [one.x for one in data]
        found = _whole(parts)
        if found is None:
            self.starts = np.cumsum([0, *(len(one) for one in data)])[:-1].tolist()
            self.x = torch.from_numpy(np.concatenate([one.reshape(len(one), -1) for one in parts]))
            self.y = torch.from_numpy(np.concatenate([one.y for one in data]))
            return
        whole, self.starts = found
        self.x = torch.from_numpy(whole)
        labels = _whole([one.y for one in data])
        if labels is not None and labels[1] == self.starts and len(labels[0]) == len(whole):
            self.y = torch.from_numpy(labels[0][:, 0])
            return
        self.y = torch.zeros(len(whole), dtype=torch.int64)
        for one, start in zip(data, self.starts, strict=True):
            self.y[start : start + len(one)] = torch.from_numpy(one.y)


def _whole(parts: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], list[int]] | None:
    """The array [rows, values] that all are rows of, and where each begins in it; None where there is none."""
    base, row = parts[0].base, parts[0][:1]
    if not isinstance(base, np.ndarray) or not row.nbytes or not (base.flags.c_contiguous and base.flags.writeable):
        return None
    if base.dtype != row.dtype or not all(one.base is base and one.flags.c_contiguous for one in parts):
        return None
    zero = base.__array_interface__["data"][0]
    places = [one.__array_interface__["data"][0] - zero for one in parts]
    shift = places[0] % row.nbytes
    if any(place % row.nbytes != shift for place in places) or any(one.shape[1:] != row.shape[1:] for one in parts):
        return None
    flat = base.reshape(-1)[shift // row.itemsize :]
    whole = flat[: len(flat) // row.size * row.size].reshape(-1, row.size)
    return whole, [place // row.nbytes for place in places]


class Weights:
    """Of K clients, each tensor of the layout as [K, ...] in one piece, for batched products want it so.

    Those whose place is in `turned` are kept as [K, inputs, outputs] instead of [K, outputs, inputs]. What they are
    is undefined before `load` or `clear`.
    """

    def __init__(self, layout: Layout, clients: int, turned: frozenset[int] = frozenset()) -> None:
        self.clients = clients
        self.sizes = [math.prod(shape) for _, shape in layout]
        flat = torch.empty(clients * sum(self.sizes))
        parts = torch.split(flat, [size * clients for size in self.sizes])
        shapes = [(*shape[::-1],) if at in turned else shape for at, (_, shape) in enumerate(layout)]
        self.parts = [part.view(clients, *shape) for part, shape in zip(parts, shapes, strict=True)]
        self._as_laid = [part.transpose(1, 2) if at in turned else part for at, part in enumerate(self.parts)]

    def clear(self) -> Weights:
        """All zero."""
        for part in self.parts:
            part.zero_()
        return self

    def first(self, clients: int) -> list[torch.Tensor]:
        """Each tensor of the first few, or of all where there are no more."""
        return [part[:clients] for part in self.parts]

    def load(self, starts: Sequence[NDArray[np.float32]]) -> None:
        """Takes each client's flat weights; once for all where they are the same array."""
        alike = all(one is starts[0] for one in starts)
        rows = torch.from_numpy(starts[0] if alike else np.stack(starts)).view(1 if alike else self.clients, -1)
        for part, given in zip(self._as_laid, torch.split(rows, self.sizes, 1), strict=True):
            part.copy_(given.view(-1, *part.shape[1:]))

    def save(self) -> NDArray[np.float32]:
        """Each client's flat weights, [K, P]."""
        found: NDArray[np.float32] = torch.cat([part.reshape(self.clients, -1) for part in self._as_laid], 1).numpy()
        return found
