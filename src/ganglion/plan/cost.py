"""What a plan would cost and lose: where each calibration sample is answered, and how long every way there takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ..core.fleet import Link
from ..core.label import Tier, Zone
from ..core.plan import Estimate, Stage
from .problem import Problem

Mix = tuple[tuple[Tier, float], ...]  # tiers and their shares
DRAWS = 2000  # of the jitter on each link, once for all plans, so that plans differ by themselves alone


@dataclass(frozen=True)
class Path:
    """How samples of one tier end: the share of them that each stage answers, and their accuracy."""

    tier: Tier
    shares: tuple[float, ...]  # per stage of the plan
    accuracy: float


@dataclass(frozen=True, eq=False)
class Cost:
    """Prices plans of one problem.

    A stage is one call whatever exit answers, so it is always paid whole. Queues, retries and the way of a refused
    sample are not in it. Latency is compute so far, every message up (bytes over rate, delay, jitter), the way back.
    """

    problem: Problem
    jitter: NDArray[np.float64]  # [link, draw], of both ways together, in units of its mean

    @staticmethod
    def of(problem: Problem, rng: Generator) -> Cost:
        """With jitter drawn once, here."""
        return Cost(problem, rng.gamma(2.0, size=(2, DRAWS)))  # two exponential ways

    def paths(self, stages: tuple[Stage, ...], mix: Mix) -> list[Path] | None:
        """How every tier's samples end; None if one would have no answer."""
        rows = [e for stage in stages for e in range(stage.first, stage.last)]  # [exits of the plan]
        places = np.repeat(np.arange(len(stages)), [stage.last - stage.first for stage in stages])
        wanted = np.array([t for stage in stages for t in stage.thresholds])
        leaves = self.problem.calibration.sure[rows] >= wanted[:, None]  # [exits of the plan, n]
        right = self.problem.calibration.right[rows]
        found = []
        for tier, _ in mix:
            allowed = [place for place, stage in enumerate(stages) if self.problem.reaches(tier, stage)]
            if not allowed:
                return None
            end = int(np.flatnonzero(places == allowed[-1])[-1])  # where whoever is left is answered
            at = np.vstack([leaves[:end], np.ones_like(leaves[:1])]).argmax(0)  # [n]
            counts = np.bincount(places[at], minlength=len(stages))
            accuracy = float(right[at, np.arange(len(at))].mean())
            found.append(Path(tier, tuple(float(c) / len(at) for c in counts), accuracy))
        return found

    def estimate(self, stages: tuple[Stage, ...], paths: list[Path], mix: Mix) -> Estimate:
        """Expected cost over the mix of tiers; p95 is a quantile of the mixture of all ways, not of its mean."""
        weight = dict(mix)
        shares = np.sum([weight[path.tier] * np.array(path.shares) for path in paths], axis=0)
        accuracy = sum(weight[path.tier] * path.accuracy for path in paths)
        ways = [stages[: place + 1] for place in range(len(stages))]
        mean_s = float(sum(share * self._mean_s(way) for share, way in zip(shares, ways, strict=True)))
        zones, up_bytes = [0.0, 0.0, 0.0], 0.0
        for share, stage in zip(shares, stages, strict=True):
            zones[stage.zone] = float(share)
            if stage.zone is Zone.CLOUD:
                up_bytes = float(share) * (self.problem.sent_bytes[stage.first] + self.problem.frame_bytes)
        p95_s = _quantile([self._latency(way) for way in ways], shares, 0.95)
        return Estimate(mean_s, p95_s, accuracy, up_bytes, (zones[0], zones[1], zones[2]))

    def _fixed_s(self, stages: tuple[Stage, ...]) -> tuple[float, list[int]]:
        """Seconds without jitter until the last of these stages has answered, and how often each link was used."""
        problem = self.problem
        total, at, used = 0.0, Zone.DEVICE, [0, 0]
        for stage in stages:
            size = problem.sent_bytes[stage.first] + problem.frame_bytes
            for hop in range(at, stage.zone):
                total += size * _slowness(problem.links[hop]) + problem.links[hop].delay_s
                used[hop] = 1
            total += problem.hosts[stage.zone].seconds(stage)
            at = stage.zone
        back = problem.answer_bytes + problem.frame_bytes
        for hop in range(at):
            total += back / problem.links[hop].down_bytes_s + problem.links[hop].delay_s
        return total, used

    def _mean_s(self, stages: tuple[Stage, ...]) -> float:
        fixed, used = self._fixed_s(stages)
        return fixed + 2 * sum(u * link.jitter_s for u, link in zip(used, self.problem.links, strict=True))

    def _latency(self, stages: tuple[Stage, ...]) -> NDArray[np.float64]:
        fixed, used = self._fixed_s(stages)
        jitter_s = np.array([u * link.jitter_s for u, link in zip(used, self.problem.links, strict=True)])
        return np.asarray(fixed + jitter_s @ self.jitter)


def _slowness(link: Link) -> float:
    """Seconds per byte upwards; over a trace the mean of all its seconds."""
    if len(link.trace) < 2:
        return 1.0 / link.up_at(0.0)
    spans = [(b[0] - a[0], 1.0 / max(a[1], 1.0)) for a, b in zip(link.trace, link.trace[1:], strict=False)]
    return sum(span * slow for span, slow in spans) / sum(span for span, _ in spans)


def _quantile(draws: list[NDArray[np.float64]], shares: NDArray[np.float64], level: float) -> float:
    """Quantile of a mixture: each way's draws weigh its share."""
    values = np.concatenate(draws)
    weights = np.repeat(shares / len(draws[0]), len(draws[0]))
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    return float(values[order][min(int(np.searchsorted(reached, level * reached[-1])), len(order) - 1)])
