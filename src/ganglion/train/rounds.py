"""Rounds over a crew: a cohort is shared out in runs of equal work, and what comes back is one sum for any crew."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.errors import GanglionError
from ..core.label import Tier
from ..core.tensors import Tensors
from ..core.update import Update
from ..learn import Server, advance, whole
from ..learn.aggregate import Total
from ..live.crew import Crew
from .clients import Clients


@dataclass(frozen=True)
class Judgement:
    """How the common model does, and how clients do with theirs; None where nothing judges."""

    loss: float | None = None
    accuracy: float | None = None
    clients_mean: float | None = None  # accuracy, each client counting the same
    clients_worst: float | None = None  # the same over the worst tenth


class Rounds:
    """Plays rounds for a job's clients with a crew that was forked after them."""

    def __init__(self, clients: Clients, crew: Crew, alone: float) -> None:
        self._clients, self._crew, self._alone = clients, crew, alone
        self._linear = clients.strategy.linear

    def play(self, server: Server, cohort: Sequence[int]) -> tuple[Server, dict[int, str], int]:
        """The server after a round, which clients failed and why, bytes sent up. Raises GanglionError where all did.

        `cohort` is in the order of its clients' names.
        """
        self.show(server)
        orders = []
        for slot, run in enumerate(self._runs(cohort)):
            asked = {"do": "train", "run": run, "cohort": list(cohort), "number": server.number, "slot": slot}
            orders.append(json.dumps(asked).encode())
        reports = [json.loads(one) for one in self._crew.ask(orders)]
        failed = {int(client): why for one in reports for client, why in one["failed"].items()}
        if len(failed) == len(cohort):
            raise GanglionError(f"round {server.number}: every client failed; the first said: {min(failed.items())[1]}")
        strategy, everybody = self._clients.strategy, self._clients.held.clients
        got = self._sum(reports, len(cohort)) if self._linear else self._updates(reports)
        return advance(strategy, server, got, everybody), failed, sum(one["up_bytes"] for one in reports)

    def show(self, server: Server) -> None:
        """Puts the base where the crew sees it."""
        shared = self._clients.shared
        shared.weights[:] = server.weights.flat
        for name, tensors in server.common.items():
            shared.common[name][:] = tensors.flat

    def judge(self, server: Server) -> Judgement:
        """By the test and by what each client holds out, as far as there is any."""
        held = self._clients.held
        self.show(server)
        found = {}
        if held.blocks:
            scores = np.array(self._all("score", "blocks", held.blocks), np.float64)
            found = {"loss": float((scores[:, 0] * scores[:, 2]).sum() / scores[:, 2].sum())}
            found["accuracy"] = float(scores[:, 1].sum() / scores[:, 2].sum())
        if len(held.judged):
            each = np.sort([right / count for _, right, count in self._all("judge", "clients", held.clients)])
            found["clients_mean"] = float(each.mean())
            found["clients_worst"] = float(each[: max(1, round(len(each) / 10))].mean())
        return Judgement(**found)

    def _all(self, do: str, what: str, count: int) -> list[Any]:
        """One kind of judgement over all places, shared out; in order."""
        parts = np.array_split(np.arange(count), min(count, self._crew.width))
        orders = [json.dumps({"do": do, what: part.tolist()}).encode() for part in parts]
        return [one for report in self._crew.ask(orders) for one in json.loads(report)]

    def _runs(self, cohort: Sequence[int]) -> list[tuple[int, int]]:
        """Contiguous runs of about the same number of examples, one for each worker."""
        ends = self._clients.held.ends
        sizes = ends[np.add(cohort, 1)] - ends[np.asarray(cohort)]
        work = 6.0 * float(sizes.sum()) * len(self._clients.like.flat)  # of one epoch: forward, and twice that back
        width = min(self._crew.width, len(cohort))
        if width == 1 or work <= self._alone:
            return [(0, len(cohort))]
        done = np.cumsum([0, *sizes])
        wanted = done[-1] * np.arange(1, width) / width
        cuts = [0, *np.abs(done[:, None] - wanted).argmin(0).tolist(), len(cohort)]
        return [(first, end) for first, end in itertools.pairwise(cuts) if first < end]

    def _sum(self, reports: Sequence[Any], total: int) -> Total:
        """The whole sum from the parts that are in the pages."""
        parts: dict[tuple[int, int], Total | None] = {}
        shares, sums = self._clients.strategy.shares, self._clients.shared.sums
        for slot, report in enumerate(reports):
            for at, (first, end, *told) in enumerate(report["spans"]):
                if not told:
                    parts[first, end] = None
                    continue
                room, (weight, steps, clients) = sums[slot, at], told
                extra = {name: room[line] for line, name in enumerate(shares, 1)}
                parts[first, end] = Total(room[0], weight, self._clients.like.layout, steps, clients, extra)
        made = whole(parts, total, _plus)
        assert made is not None  # or everybody failed
        return made

    def _updates(self, reports: Sequence[Any]) -> list[Update]:
        shares, found = self._clients.strategy.shares, []
        for place, _, *told in (span for report in reports for span in report["spans"]):
            if told:
                weight, steps, tier, loss = told
                delta, *more = (self._tensors(flat) for flat in self._clients.shared.deltas[place])
                extra = dict(zip(shares, more, strict=True))
                found.append(Update(delta, weight, Tier(tier), steps, loss, extra))
        return found

    def _tensors(self, flat: Any) -> Tensors:
        return self._clients.like.with_flat(flat)


def _plus(one: Total | None, other: Total | None) -> Total | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
