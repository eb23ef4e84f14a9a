"""Four methods on clients that differ: ours beside a plain loop, and the gap to central training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.rng import stream
from ..core.sample import Examples
from ..learn import METHODS
from ..learn.partition import Dirichlet
from ..learn.select import Uniform
from ..train import Federation, Stop
from .fl_models import model, reference
from .kept import Kept

SOURCE = (
    "Li et al. 2022, arXiv:2102.02079, table 3: ten epochs a round on 50,000 images; fedavg's read, others recalled"
)
PUBLISHED = {"fedavg": 0.682, "fedprox": 0.679, "scaffold": 0.698, "fednova": 0.668}
EVERY = 5  # rounds between two judgements
Data = tuple[Examples, Examples]
Row = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Niid:
    """What is played, and how near to the plain loop it has to come."""

    name: str
    model: str
    how: Sgd
    parts: Dirichlet
    rounds: int  # a multiple of EVERY
    seeds: int
    apart: float
    published: bool = False

    @property
    def judged(self) -> tuple[int, ...]:
        """The rounds whose mean accuracy counts: the last three that are judged."""
        return tuple(range(self.rounds, 0, -EVERY))[:3][::-1]


CIFAR = "cifar10-jpeg, 4,000 images, one epoch a round"
FULL = Niid(CIFAR, "niid", Sgd(0.05, 1, 32), Dirichlet(10, 0.5), 50, 3, 0.02, True)
QUICK = Niid("digits", "64-32-10", Sgd(0.3, 1, 50), Dirichlet(10, 0.5), 30, 2, 0.05)


def rows_of(case: Niid, data: Callable[[], Data], seed: int, folder: Path, kept: Kept | None) -> Iterator[Row]:
    """A row per method, over all seeds; each part is kept where there is somewhere to keep it."""
    made: list[Data] = []

    def part(key: str, play: Callable[[Data, int], float], one: int) -> float:
        found = None if kept is None else kept.get(f"{key} {one}")
        if found is None:
            made.extend([] if made else [data()])
            found = {"accuracy": play(made[0], one)}
            log.info("%s: %s, seed %d: %.4f", case.name, key, one, found["accuracy"])
            if kept is not None:
                kept.put(f"{key} {one}", found)
        return float(found["accuracy"])

    def over(key: str, play: Callable[[Data, int], float]) -> list[float]:
        return [part(key, play, one) for one in range(seed, seed + case.seeds)]

    central = fmean(over("central", partial(_plain, case, "")))
    for method in PUBLISHED:
        ours = over(f"ours {method}", partial(_ours, case, method, folder))
        plain = over(f"plain {method}", partial(_plain, case, method))
        apart = fmean(ours) - fmean(plain)
        row: Row = {"data": case.name, "what": f"{method}, 10 parties, Dirichlet 0.5, {case.rounds} rounds"}
        row |= {"accuracy": fmean(ours), "plain_loop": fmean(plain), "apart_pt": 100.0 * apart, "seeds": case.seeds}
        row |= {"gap_to_central_pt": 100.0 * (central - fmean(ours)), "bar": f"within {100 * case.apart:g} pt"}
        row |= {"published": PUBLISHED[method], "source": SOURCE} if case.published else {}
        yield {**row, "ok": abs(apart) <= case.apart}


def parties(case: Niid, train: Examples, seed: int) -> list[Any]:
    """Whose examples are whose; the same for ours and for the plain loop."""
    return case.parts(train.y, stream(seed, "niid parties"))


def _ours(case: Niid, method: str, folder: Path, given: Data, seed: int) -> float:
    train, test = given
    strategy = METHODS[method](case.how, Uniform(case.parts.clients))
    made = Federation(model(case.model), train, parties(case, train, seed), strategy, test, seed=seed, workers=1)
    done = made.run(Stop(case.rounds, every=EVERY), folder / f"{method}-{seed}")
    judged = {one.number: one.accuracy for one in done.rounds if one.accuracy is not None}
    return fmean(judged[number] for number in case.judged)


def _plain(case: Niid, method: str, given: Data, seed: int) -> float:
    """Without a method: one party has everything."""
    train, test = given
    parts = parties(case, train, seed) if method else [np.arange(len(train))]
    how, (learnt, judging) = case.how, ((train.x, train.y), (test.x, test.y))
    rest = how.rate, how.batch, how.epochs, case.rounds, seed, case.judged
    return fmean(reference()(method, model(case.model), learnt, parts, judging, *rest))
