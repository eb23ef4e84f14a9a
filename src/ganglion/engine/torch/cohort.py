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
from ...core.rng import stream
from ...core.sample import Examples
from ...core.tensors import Layout


@dataclass(frozen=True, eq=False)
class Timetable:
    """For clients in falling order of steps: which row of the pool each reads at each step; width is the batch's."""

    rows: torch.Tensor  # [steps, clients, width] int64
    share: torch.Tensor  # [steps, clients, width, 1]: 1 / size of the batch, 0 where a row only fills up
    learning: tuple[int, ...]  # [steps] how many clients, from the first, still learn at that step
    last: NDArray[np.bool_]  # [steps, clients, width]: rows of the last epoch, whose loss is told


def timetable(asked: Sequence[Fit], sizes: Sequence[int], starts: Sequence[int], seed: int) -> Timetable:
    """One for clients of `sizes` examples that begin in the pool at `starts`, sorted by falling number of steps.

    Shuffles are those of a client alone, decided by its key.
    """
    how = asked[0].how
    width = min(how.batch, max(sizes))
    per_epoch = [math.ceil(size / how.batch) for size in sizes]
    steps = how.epochs * per_epoch[0]
    rows = np.zeros((steps, len(asked), width), np.int64)
    share = np.zeros((steps, len(asked), width, 1), np.float32)
    last = np.zeros((steps, len(asked), width), np.bool_)
    places: dict[int, list[int]] = {}
    for at, (one, size, start, turns) in enumerate(zip(asked, sizes, starts, per_epoch, strict=True)):
        places.setdefault(size, []).append(at)
        for epoch in range(how.epochs):
            order = np.zeros(turns * width, np.int64)
            order[:size] = stream(seed, *one.key, "shuffle", epoch).permutation(size)
            order[:size] += start
            rows[epoch * turns : (epoch + 1) * turns, at] = order.reshape(turns, width)
    for size, alike in places.items():
        turns = math.ceil(size / how.batch)
        used = (np.arange(turns * width) < size).reshape(turns, width)
        part = used / used.sum(1, keepdims=True, dtype=np.float32)
        share[..., 0][: how.epochs * turns, alike] = np.tile(part, (how.epochs, 1))[:, None]
        last[(how.epochs - 1) * turns : how.epochs * turns, alike] = used[:, None]
    ends = np.array([how.epochs * turns for turns in per_epoch])
    learning = tuple((ends[:, None] > np.arange(steps)).sum(0).tolist())
    return Timetable(torch.from_numpy(rows), torch.from_numpy(share), learning, last)


class Pool:
    """The examples of several clients as one tensor; not copied where all are parts of one array."""

    def __init__(self, data: Sequence[Examples]) -> None:
        whole = data[0].x.base
        row_bytes = data[0].x[:1].nbytes
        if isinstance(whole, np.ndarray) and row_bytes and all(_is_part(one.x, whole) for one in data):
            address = whole.__array_interface__["data"][0]
            self.starts = [(one.x.__array_interface__["data"][0] - address) // row_bytes for one in data]
            self.x = torch.from_numpy(whole).view(len(whole), -1)
            self.y = torch.from_numpy(self._labels(data, len(whole)))
        else:
            self.starts = np.cumsum([0, *(len(one) for one in data)])[:-1].tolist()
            self.x = torch.from_numpy(np.concatenate([one.x.reshape(len(one), -1) for one in data]))
            self.y = torch.from_numpy(np.concatenate([one.y for one in data]))

    def _labels(self, data: Sequence[Examples], size: int) -> NDArray[np.int64]:
        whole = data[0].y.base
        if isinstance(whole, np.ndarray) and len(whole) == size and all(_is_part(one.y, whole) for one in data):
            return whole
        labels = np.zeros(size, np.int64)
        for one, start in zip(data, self.starts, strict=True):
            labels[start : start + len(one)] = one.y
        return labels


def _is_part(x: NDArray[Any], whole: NDArray[Any]) -> bool:
    alike = x.base is whole and x.dtype == whole.dtype and x.shape[1:] == whole.shape[1:]
    return alike and x.flags.c_contiguous and whole.flags.c_contiguous


class Weights:
    """Of K clients, each tensor of the layout as [K, ...] in one piece, for batched products want it so."""

    def __init__(self, layout: Layout, clients: int) -> None:
        self.clients = clients
        self.sizes = [math.prod(shape) for _, shape in layout]
        flat = torch.zeros(clients * sum(self.sizes))
        ends = np.cumsum([0, *self.sizes]) * clients
        self.parts = [flat[ends[at] : ends[at + 1]].view(clients, *shape) for at, (_, shape) in enumerate(layout)]

    def load(self, starts: Sequence[NDArray[np.float32]]) -> None:
        """Takes each client's flat weights; once for all where they are the same array."""
        alike = all(one is starts[0] for one in starts)
        rows = torch.from_numpy(starts[0] if alike else np.stack(starts)).view(1 if alike else self.clients, -1)
        for part, given in zip(self.parts, torch.split(rows, self.sizes, 1), strict=True):
            part.view(self.clients, -1).copy_(given)

    def save(self) -> NDArray[np.float32]:
        """Each client's flat weights, [K, P]."""
        found: NDArray[np.float32] = torch.cat([part.reshape(self.clients, -1) for part in self.parts], 1).numpy()
        return found
