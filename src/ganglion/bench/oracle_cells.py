"""One cell of the oracle's bench: every way that could be the best, asked in turns end to end, and what that says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median
from typing import TypeVar

import numpy as np

from ..core.fleet import Link
from ..core.probability import Floats
from ..core.rng import stream
from ..plan.cut import Places, Split
from .oracle_live import Device, Took
from .oracle_stages import WIRES, Staged, composed
from .oracle_ways import arm_of, baselines, plan
from .oracle_wire import Arm

HOPELESS = 1.3  # an arm that cannot take less than so many times a measured one is not measured
PILOTS, FEW = 3, 2  # requests: to know what is reachable; of a baseline that is no candidate for the best
# After so many turns an arm is asked on only if its quickest request is within so many times the best arm's median.
NEAR = {1: 1.15, 2: 1.08, 4: 1.04, 6: 1.02, 8: 1.01}

K = TypeVar("K")


@dataclass(frozen=True)
class Condition:
    """What a cell is about."""

    rate: float  # Mbit/s
    slow: float  # of the device against the cloud, declared

    @property
    def name(self) -> str:
        """Short."""
        return f"{self.rate:g} Mbit/s, x{self.slow:g}"


@dataclass(frozen=True)
class Trial:
    """How every cell of a network is measured."""

    conditions: Sequence[Places]  # that the best static way is best over
    requests: int  # of each candidate
    seed: int


@dataclass(frozen=True)
class Cell:
    """What came of it. Seconds of an arm are in the order they were asked."""

    condition: Condition
    link: Link  # as fitted
    plan: Split
    ours: Arm
    seconds: dict[Arm, list[float]]  # of every candidate that was asked more than once
    behind: int  # candidates that one request ruled out
    skipped: str
    baselines: dict[str, float]  # medians
    stolen: float  # share of all time that other processes took
    apart: float  # worst difference from the whole's answer, over ways that lose nothing

    @property
    def regret(self) -> float:
        """Of the plan to the best arm, which half of the requests choose and the other half scores; both ways round."""
        return split_regret({arm: np.array(taken) for arm, taken in self.seconds.items()}, self.ours)

    @property
    def best(self) -> Arm:
        """By all requests."""
        return min(self.seconds, key=lambda arm: median(self.seconds[arm]))


def split_regret(seconds: dict[K, Floats], ours: K) -> float:
    """How much more one way takes than the best, never below 0: chosen on even turns, scored on odd, and vice versa."""
    found = []
    for first in (0, 1):
        best = min(seconds, key=lambda way: float(np.median(seconds[way][first::2])))
        scored = {way: float(np.median(seconds[way][1 - first :: 2])) for way in (best, ours)}
        found.append(max(scored[ours] / scored[best] - 1.0, 0.0))
    return sum(found) / 2


class Race:
    """Asks arms of one network over one link, and keeps what each took."""

    def __init__(self, device: Device, net: Staged, slow: float) -> None:
        self._device, self._slow = device, slow
        self._whole = device.whole()
        self._lossless = {net.cuts[0], net.cuts[-1]}  # pixels are bytes anyway, and nothing crosses
        self.seconds: dict[Arm, list[float]] = {}
        self.wall_s = self.stolen_s = self.apart = 0.0

    def ask(self, arm: Arm) -> None:
        """Once; the first time both halves are opened before, and one request more warms them up."""
        if arm not in self.seconds:
            self._device.ready(arm)
            took = self._device.ask(arm, self._slow)
            if arm.wire == "raw" or (arm.cut in self._lossless and not arm.jpeg_bytes):
                self.apart = max(self.apart, self._apart(took))
        took = self._device.ask(arm, self._slow)
        self.seconds.setdefault(arm, []).append(took.seconds)
        self.wall_s, self.stolen_s = self.wall_s + took.seconds + took.stolen_s, self.stolen_s + took.stolen_s

    def turns(self, arms: Iterable[Arm], count: int, seed: int) -> None:
        """All of them, so many times, in another order each time."""
        every = list(arms)
        for turn in range(count):
            self._turn(every, seed, turn)

    def until_clear(self, ours: Arm, arms: Iterable[Arm], count: int, seed: int) -> None:
        """At most so many turns: arms that fall behind are left out, and it ends when one arm is left, which is ours.

        What an arm took is kept however early it was left out.
        """
        every = list(dict.fromkeys([ours, *arms]))
        for turn in range(count):
            self._turn(every, seed, turn)
            if (near := NEAR.get(turn + 1)) is not None:
                least = near * min(median(self.seconds[arm]) for arm in every)
                every = [arm for arm in every if arm == ours or min(self.seconds[arm]) <= least]
            if turn and every == [ours]:  # both halves of the turns have one of ours at least
                return

    def _turn(self, arms: Sequence[Arm], seed: int, turn: int) -> None:
        for at in stream(seed, "turn", turn).permutation(len(arms)):
            self.ask(arms[int(at)])

    def _apart(self, took: Took) -> float:
        most = max(float(np.abs(array).max()) for array in self._whole.values()) or 1.0
        return max(float(np.abs(took.outputs[name] - array).max()) for name, array in self._whole.items()) / most


def run_cell(device: Device, net: Staged, link: Link, condition: Condition, trial: Trial) -> Cell:
    """Over the link by which the device is connected, as it was declared."""
    slow, fitted, seed = condition.slow, device.fit(link), trial.seed
    found = plan(net, slow, fitted)
    ours, race = arm_of(net, found), Race(device, net, slow)
    race.turns([ours], PILOTS, seed)
    reachable = min(race.seconds.pop(ours))
    bounds = composed(net.chain, net.halves.min(2), slow, link)
    kept, skipped = _candidates(net, bounds, HOPELESS * reachable)
    race.until_clear(ours, kept, trial.requests, seed)
    named = baselines(net, slow, fitted, trial.conditions, seed)
    candidates = {arm: taken for arm, taken in race.seconds.items() if len(taken) > 1}
    behind = len(race.seconds) - len(candidates)
    race.turns(dict.fromkeys(arm for arm in named.values() if arm not in candidates), FEW, seed)
    medians = {name: median(race.seconds[arm]) for name, arm in named.items()}
    stolen = race.stolen_s / race.wall_s
    return Cell(condition, fitted, found, ours, candidates, behind, skipped, medians, stolen, race.apart)


def _candidates(net: Staged, bounds: Floats, most_s: float) -> tuple[list[Arm], str]:
    """Arms whose lower bound does not rule them out, and the others by wire and number of their cut."""
    cuts, kept, skipped = net.cuts, [], []
    for row, wire in enumerate(WIRES):
        out = []
        for at, cut in enumerate(cuts[: len(cuts) - bool(row)]):  # nothing crosses the last, however written
            if bounds[row, at] <= most_s:
                kept.append(Arm(cut, wire.codec))
            else:
                out.append(at)
        if out:
            skipped.append(f"{wire.codec} {_ranges(out)}")
    return kept, "; ".join(skipped)


def _ranges(numbers: Sequence[int]) -> str:
    runs = [[at for _, at in run] for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
