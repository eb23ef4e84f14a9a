"""A federated method as a combination of choices, one per slot; the methods of the literature are rows of this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, runtime_checkable

from numpy.random import Generator

from ..core.compute import Sgd, Steps
from ..core.fleet import NodeId
from ..core.tensors import Tensors
from ..core.update import Update
from .aggregate import Mean, Total
from .client import LocalSgd
from .compress import Compress
from .legal import check, one_momentum
from .rate import Constant
from .select import Uniform
from .step import Add
from .task import Kept, Task

Select = Callable[[Sequence[NodeId], Generator], tuple[NodeId, ...]]
Train = Callable[[Task, Kept], Steps[tuple[Update, Kept]]]
Prepare = Callable[[Update, Generator, Any], tuple[Update, Any]]
Aggregate = Callable[[Sequence[Update]], Tensors]
Step = Callable[[Tensors, Tensors, Any], tuple[Tensors, Any]]
Schedule = Callable[[int], float]  # a round's number -> a factor on a rate


@runtime_checkable
class Linear(Protocol):
    """An aggregate that is a sum between two functions, so that a worker, an edge or a mask may add for it."""

    def lift(self, update: Update) -> Total: ...
    def lower(self, total: Total) -> Tensors: ...


@dataclass(frozen=True)
class Strategy:
    """Who learns, how, what is done to an update before it leaves, how they become one, and what that one does.

    Combinations that contradict themselves raise ConfigError when built (`learn/legal.py`).

    >>> Strategy(select=Uniform(count=3), step=Add(rate=0.5)).select
    Uniform(count=3)
    """

    select: Select = Uniform()
    train: Train = LocalSgd(Sgd(rate=0.1))
    prepare: tuple[Prepare, ...] = ()  # in this order
    aggregate: Aggregate = Mean()
    step: Step = Add()
    client_rate: Schedule = Constant()
    server_rate: Schedule = Constant()
    compress: Compress | None = None  # of the delta alone, after everything else that is done to it

    def __post_init__(self) -> None:
        check(self.prepare, self.aggregate, self.shares, self.compress)
        one_momentum(self.train, self.step, self.compress)

    @property
    def keeps(self) -> tuple[str, ...]:
        """What a client remembers from round to round, by name; each has the model's layout."""
        return (*getattr(self.train, "keeps", ()), *(() if self.compress is None else self.compress.keeps))

    @property
    def shares(self) -> tuple[str, ...]:
        """What the server keeps for everybody beside the weights: the mean of what all clients keep by that name."""
        return tuple(getattr(self.train, "shares", ()))

    @property
    def linear(self) -> bool:
        """Whether others may add up parts of the sum."""
        return isinstance(self.aggregate, Linear)


def total(aggregate: Linear, updates: Iterable[Update]) -> Total:
    """A part of the sum; parts are added with `+`. Raises ValueError for no update."""
    lifted = [aggregate.lift(update) for update in updates]
    if not lifted:
        raise ValueError("a sum over no update has no layout; wait for one or end the round")
    return reduce(lambda a, b: a + b, lifted)
