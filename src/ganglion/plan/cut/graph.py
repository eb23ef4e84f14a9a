"""A model's tensors as numbers: which kernels need which, with free kernels seen through, once per model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ConfigError
from ...core.model import Model

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Graph:
    """Tensors are numbered: the model's inputs first, then its kernels. A mover is a kernel that needs a place.

    A free kernel is no mover, as it is computed again wherever it is wanted, unless its tensor is a result.
    Edge e says that mover `dst[e]` (a kernel's number) needs tensor `src[e]`; edges are sorted by `src`.
    """

    model: Model
    src: Ints  # [edges]
    dst: Ints  # [edges]
    held: tuple[tuple[int, int], ...]  # (free result, mover behind it): kernels that may not change their order
    movers: Ints
    results: Ints  # kernels whose tensors are wanted back
    seen: tuple[tuple[int, ...], ...]  # of each tensor: itself, or for a free kernel what it is computed from

    @property
    def inputs(self) -> int:
        """How many tensors are inputs."""
        return len(self.model.inputs)

    @classmethod
    def of(cls, model: Model) -> Graph:
        """Raises ConfigError where a kernel reads what no kernel before it makes."""
        inputs, numbers = len(model.inputs), {name: i for i, name in enumerate(model.inputs)}
        results = set(model.outputs or model.exits)
        seen: list[tuple[int, ...]] = [(i,) for i in range(inputs)]
        edges: list[tuple[int, int]] = []
        behind: list[tuple[int, ...]] = [()] * inputs  # free results that a tensor is computed from unseen
        held: list[tuple[int, int]] = []
        for k, kernel in enumerate(model.kernels):
            try:
                given = [numbers[name] for name in kernel.inputs]
            except KeyError as error:
                raise ConfigError(f"kernel {kernel.name} reads {error}, which none before it makes") from error
            wanted = dict.fromkeys(tensor for one in given for tensor in seen[one])
            passed = tuple(dict.fromkeys(free for one in given for free in behind[one]))
            mover = not kernel.free or kernel.name in results
            if mover and not wanted:
                raise ConfigError(f"kernel {kernel.name} needs no input; mark it free: it is the same everywhere")
            if mover:
                edges += [(tensor, k) for tensor in wanted]
                held += [(free, k) for free in passed]
            numbers[kernel.name] = inputs + k
            seen.append(tuple(wanted) if kernel.free else (inputs + k,))
            behind.append(() if not kernel.free else (k,) if mover else passed)
        pairs = np.array(edges, np.int64).reshape(-1, 2)
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
        moving = [k for k, one in enumerate(model.kernels) if not one.free or one.name in results]
        wanted_back = [k for k, one in enumerate(model.kernels) if one.name in results]
        movers, back = np.array(moving, np.int64), np.array(wanted_back, np.int64)
        return cls(model, pairs[:, 0].copy(), pairs[:, 1].copy(), tuple(held), movers, back, tuple(seen))

    def complete(self, at: Ints) -> tuple[int, ...]:
        """A place per kernel from those of movers: a free kernel is first computed where its first reader is."""
        found = at.tolist()
        nobody = len(found)
        for k, _, _ in self._free:
            found[k] = nobody
        for k, readers, _ in reversed(self._free):
            found[k] = min((found[one] for one in readers), default=nobody)
        for k, _, given in self._free:
            if found[k] == nobody:  # what it makes is never read
                found[k] = max((found[one] for one in given), default=0)
        return tuple(found)

    @cached_property
    def _free(self) -> list[tuple[int, list[int], list[int]]]:
        """Every free kernel that is no result, with the kernels that read it and those that it reads."""
        numbers = {kernel.name: k for k, kernel in enumerate(self.model.kernels)}
        needs = [[numbers[name] for name in kernel.inputs if name in numbers] for kernel in self.model.kernels]
        free = sorted(set(range(len(needs))) - set(self.movers.tolist()))
        readers: dict[int, list[int]] = {k: [] for k in free}
        for k, given in enumerate(needs):
            for one in set(given) & readers.keys():
                readers[one].append(k)
        return [(k, readers[k], needs[k]) for k in free]
