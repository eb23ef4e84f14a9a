"""What virtual clients do, in whichever process: a run of a cohort learns and is added up, or models are judged.

Orders and reports are JSON; tensors are in pages that all processes share.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.compute import Compute, Score, Steps
from ..core.errors import ConfigError, GanglionError
from ..core.ports import Engine
from ..core.rng import stream
from ..core.tensors import Array, Tensors
from ..core.update import Update
from ..learn import Kept, Linear, Strategy, Task, branches, partial, together
from ..learn.aggregate import Total
from ..learn.compress import decode
from ..live.crew import pages
from .held import Held

WINDOW_BYTES = 64 << 20  # of the weights of clients whose methods are stepped together
WINDOW = 256  # clients


class BatchEngine(Engine, Protocol):
    """An engine that takes requests that wait together."""

    def answer_all(self, asked: Sequence[Compute[Any]]) -> list[Any]: ...


@dataclass(frozen=True, eq=False)
class Shared:
    """Pages between processes. What is not written to takes no memory."""

    weights: Array  # [P] of the round's base
    common: dict[str, Array]  # [P] each: what the server keeps for everybody
    kept: dict[str, Array]  # [clients, P] each: what a client keeps
    has: NDArray[np.uint8]  # [clients]: whether it keeps anything yet
    sums: NDArray[np.float64]  # [workers, branches, 1 + shares, P]: parts of a linear sum
    deltas: Array  # [cohort, 1 + shares, P]: every update, where the aggregate wants to see each

    @staticmethod
    def of(size: int, clients: int, strategy: Strategy, workers: int) -> Shared:
        """Room for a model of `size` parameters."""
        linear, shares = isinstance(strategy.aggregate, Linear), 1 + len(strategy.shares)
        spans = 2 * clients.bit_length() + 2 if linear else 0
        whole, each = workers * spans * shares * size, 0 if linear else clients * shares * size
        return Shared(
            pages(size, np.float32),
            {name: pages(size, np.float32) for name in strategy.shares},
            {name: pages(clients * size, np.float32).reshape(clients, size) for name in keeps(strategy)},
            pages(clients, np.uint8),
            pages(whole, np.float64).reshape(workers, spans, shares, size),
            pages(each, np.float32).reshape(-1, shares, size),
        )


def keeps(strategy: Strategy) -> tuple[str, ...]:
    """Names of what a client remembers: for its method, and for each preparation that needs to."""
    prepared = (f"prepare {at}" for at, one in enumerate(strategy.prepare) if getattr(one, "keeps", ()))
    return (*strategy.keeps, *prepared)


@dataclass(frozen=True, eq=False)
class Clients:
    """The clients of one job; `like` has the model's layout."""

    held: Held
    strategy: Strategy
    engine: BatchEngine
    like: Tensors
    shared: Shared
    seed: int
    failed: dict[int, str] = field(default_factory=dict)
    sent: dict[int, int] = field(default_factory=dict)  # bytes of an update's delta, in the round that is played

    def work(self, order: bytes) -> bytes:
        """Carries out an order. Raises ConfigError for one that it does not know."""
        report: Any
        asked = json.loads(order)
        match asked:
            case {"do": "train", "run": run, "cohort": cohort, "number": number, "slot": slot}:
                report = self._train((run[0], run[1]), cohort, number, slot)
            case {"do": "score", "blocks": blocks}:
                report = self._scores([Score(self._base(), (self.held.ref("test", at),)) for at in blocks])
            case {"do": "judge", "clients": clients}:
                report = self._scores([Score(self.own(at), (self.held.ref("judged", at),)) for at in clients])
            case _:
                raise ConfigError(f"no order {str(asked)[:60]}; there are train, score and judge")
        return json.dumps(report).encode()

    def own(self, client: int) -> Tensors:
        """The model that a client answers with."""
        own = getattr(self.strategy.train, "own", None)
        made: Tensors = own(self._base(), self.kept(client)) if own else self._base()
        return made

    def kept(self, client: int) -> Kept:
        """What a client remembers, as views of the pages."""
        if not self.shared.has[client]:
            return {}
        return {name: self.like.with_flat(rows[client]) for name, rows in self.shared.kept.items()}

    def _base(self) -> Tensors:
        return self.like.with_flat(self.shared.weights)

    def _scores(self, asked: Sequence[Score]) -> list[Any]:
        found = self.engine.answer_all(asked)
        return [None if isinstance(one, GanglionError) else (one.loss, one.right, one.examples) for one in found]

    def _train(self, run: tuple[int, int], cohort: Sequence[int], number: int, slot: int) -> dict[str, Any]:
        """The places [first, past the last) of a cohort in the order of their names."""
        self.failed.clear()
        self.sent.clear()
        steps: dict[int, int] = {}
        updates = self._updates(run, cohort, number, steps)
        spans: list[Any] = []
        aggregate = self.strategy.aggregate
        if isinstance(aggregate, Linear):
            lifted = (None if one is None else aggregate.lift(one) for one in updates)
            parts = partial(run, len(cohort), lifted, _absorb)
            spans = [self._write(slot, at, span, parts[span]) for at, span in enumerate(branches(run, len(cohort)))]
        else:
            for place, one in zip(range(*run), updates, strict=True):
                spans.append(self._write_update(place, one))
        up_bytes = sum(self.sent.values()) + 4 * len(self.like.flat) * len(self.strategy.shares) * len(self.sent)
        return {"spans": spans, "steps": steps, "failed": self.failed, "up_bytes": up_bytes}

    def _updates(
        self, run: tuple[int, int], cohort: Sequence[int], number: int, steps: dict[int, int]
    ) -> Iterator[Update | None]:
        """Each place's update in order, or None where its client failed; as many at a time as memory allows."""
        width = max(1, min(WINDOW, WINDOW_BYTES // (8 * len(self.like.flat))))
        common = {name: self.like.with_flat(flat) for name, flat in self.shared.common.items()}
        base, rate = self._base(), self.strategy.client_rate(number)
        for first in range(run[0], run[1], width):
            now = [cohort[place] for place in range(first, min(first + width, run[1]))]
            methods: list[Steps[tuple[Update, Kept]]] = []
            for client in now:
                data, key = (self.held.ref("learnt", client),), ("round", number, "client", client)
                task = Task(base, data, self.held.size(client), key, common=common, rate=rate)
                methods.append(self.strategy.train(task, self.kept(client)))
            for client, made in zip(now, together(methods, self.engine.answer_all), strict=True):
                update = self._prepared(client, number, made)
                if update is not None:
                    steps[client] = update.steps
                yield update

    def _prepared(self, client: int, number: int, made: tuple[Update, Kept] | GanglionError) -> Update | None:
        """What leaves the client; what it keeps is kept only if something does."""
        if isinstance(made, GanglionError):
            self.failed[client] = str(made)
            return None
        (update, told), kept = made, self.kept(client)
        if not np.isfinite(update.delta.flat).all():
            self.failed[client] = "its update is not finite; lower the rate"
            return None
        told = dict(told)
        for at, prepare in enumerate(self.strategy.prepare):
            name = f"prepare {at}"
            update, memory = prepare(update, stream(self.seed, name, number, client), kept.get(name))
            if name in self.shared.kept:
                told[name] = memory
        try:
            update, more = self._compressed(client, number, update, kept)
        except GanglionError as error:
            self.failed[client] = str(error)
            return None
        told |= more
        for name, rows in self.shared.kept.items():
            rows[client] = told[name].flat
            self.shared.has[client] = 1
        return update

    def _compressed(self, client: int, number: int, update: Update, kept: Kept) -> tuple[Update, Kept]:
        """The update as it arrives, and what the client remembers of the rest."""
        compress = self.strategy.compress
        if compress is None:
            self.sent[client] = 4 * len(update.delta.flat)
            return update, {}
        raw, more = compress.encode(update.delta, number, stream(self.seed, "compress", number, client), kept)
        self.sent[client] = len(raw)
        return replace(update, delta=decode(raw, update.delta)), more

    def _write(self, slot: int, at: int, span: tuple[int, int], part: Total | None) -> Any:
        if part is None:
            return [*span]
        room = self.shared.sums[slot, at]
        room[0] = part.flat
        for line, name in enumerate(self.strategy.shares, 1):
            room[line] = part.extra[name]
        return [*span, part.weight, part.steps, part.clients]

    def _write_update(self, place: int, update: Update | None) -> Any:
        if update is None:
            return [place, place + 1]
        self.shared.deltas[place, 0] = update.delta.flat
        for line, name in enumerate(self.strategy.shares, 1):
            self.shared.deltas[place, line] = update.extra[name].flat
        loss = None if update.loss is None or not math.isfinite(update.loss) else update.loss
        return [place, place + 1, update.weight, update.steps, int(update.tier), loss]


def _absorb(one: Total | None, other: Total | None) -> Total | None:
    if one is None or other is None:
        return other if one is None else one
    return one.absorb(other)
