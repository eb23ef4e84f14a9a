"""Clients with quadratic losses, whose training can be written out: a real engine for `Fit` and `Score` in numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ganglion.core.compute import Compute, Fit, Fitted, Score, Scored, Sgd
from ganglion.core.errors import GanglionError
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.ref import Ref
from ganglion.core.rng import stream
from ganglion.core.tensors import Tensors
from ganglion.core.update import Update
from ganglion.learn import Kept, Linear, Server, Strategy, Task, advance, together, total

Vector = NDArray[np.float64]
SIZE = 4
START = Tensors.of({"body.w": np.array([0.5, -1.0, 2.0]), "head.b": np.array([0.25])})


@dataclass
class Quadratics:
    """Client k: f(w) = (w - a)' A (w - a) / 2, and `turns` steps per epoch."""

    a: Sequence[Vector]
    A: Sequence[Vector]
    turns: Sequence[int]
    answers: ClassVar[frozenset[type[Compute[Any]]]] = frozenset({Fit, Score})

    def slope(self, k: int, w: Vector) -> Vector:
        return np.asarray(self.A[k] @ (w - self.a[k]))

    def value(self, k: int, w: Vector) -> float:
        return float((w - self.a[k]) @ self.A[k] @ (w - self.a[k]) / 2)

    def steps(self, k: int, how: Sgd) -> int:
        return how.epochs * (1 if how.batch > 1_000_000 else self.turns[k])

    def answer_all(self, asked: Sequence[Compute[Any]]) -> list[Any]:
        return [self.answer(one) for one in asked]

    def answer(self, asked: Compute[Any]) -> Any:
        if isinstance(asked, Score):
            return Scored(self.value(int(asked.data[0].digest), asked.weights.flat.astype(np.float64)), 0, 1)
        assert isinstance(asked, Fit) and isinstance(asked.how, Sgd)
        k, w = int(asked.data[0].digest), asked.start.flat.astype(np.float64)
        for _ in range(self.steps(k, asked.how)):
            slope = self.slope(k, w)
            for pull in asked.pulls:
                slope = slope + pull.strength * (w - pull.toward.flat)
            if asked.push is not None:
                slope = slope + asked.push.flat
            w = w - asked.how.rate * slope
        if not np.isfinite(w).all():
            return GanglionError("diverged")
        return Fitted(asked.start.with_flat(w.astype(np.float32)), self.steps(k, asked.how), self.value(k, w))


def some(clients: int = 3, turns: Sequence[int] = (2, 5, 3)) -> Quadratics:
    rng = stream(1, "quadratics")
    roots = [rng.normal(size=(SIZE, SIZE)) / 2 for _ in range(clients)]
    return Quadratics(
        [rng.normal(size=SIZE) for _ in range(clients)], [r @ r.T + np.eye(SIZE) for r in roots], list(turns)
    )


@dataclass
class Played:
    """A strategy over some rounds with every client, whose examples are 10, 20, 30, …"""

    strategy: Strategy
    engine: Quadratics
    server: Server
    kept: dict[int, Kept]

    @staticmethod
    def of(strategy: Strategy, engine: Quadratics) -> Played:
        return Played(strategy, engine, Server(START), {})

    def round(self, cohort: Sequence[int] | None = None) -> Vector:
        """The weights after one more."""
        clients = range(len(self.engine.a)) if cohort is None else cohort
        rate = self.strategy.client_rate(self.server.number)
        methods = []
        for k in clients:
            task = Task(
                self.server.weights, (Ref(str(k), 0, PUBLIC_RAW),), 10 * (k + 1), ("k", k), (), self.server.common, rate
            )
            methods.append(self.strategy.train(task, self.kept.get(k, {})))
        updates: list[Update] = []
        for k, made in zip(clients, together(methods, self.engine.answer_all), strict=True):
            assert not isinstance(made, GanglionError)
            update, self.kept[k] = made
            updates.append(update)
        linear = isinstance(self.strategy.aggregate, Linear)
        got = total(self.strategy.aggregate, updates) if isinstance(self.strategy.aggregate, Linear) else updates
        assert linear == (got is not updates)
        self.server = advance(self.strategy, self.server, got, len(self.engine.a))
        return self.server.weights.flat.astype(np.float64)
