"""Requests one after the other over a trace on a virtual clock: ours, the best fixed way, and who knows the future."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..watch import Replan, Ways
from .traces_read import Floats, Trace

PROBE_BYTES = 8_000


@dataclass(frozen=True, eq=False)
class Conditions:
    """What every request of a trace would take by every way, [requests, ways], had nothing else been sent.

    Requests come at fixed times and do not wait for each other, so one of them meets the same link whatever was chosen
    before. That flatters ways that are slower than requests come, which are the fixed ones in bad stretches.
    """

    seconds: Floats
    sending_s: Floats  # of that, on the link
    probe_s: Floats  # [requests], of a probe

    @staticmethod
    def of(trace: Trace, ways: Ways, period_s: float, requests: int) -> Conditions:
        """From the trace's beginning."""
        start_s: Floats = np.arange(requests, dtype=np.float64) * period_s
        send = partial(trace.through, start_s)
        sending_s = np.stack(
            [
                trace.through(start_s + way.near_s, way.sent_bytes) if way.sent_bytes else 0 * start_s
                for way in ways.ways
            ],
            axis=1,
        )
        rest_s = [way.near_s + (way.far_s + ways.delay_s if way.sent_bytes else 0.0) for way in ways.ways]
        return Conditions(sending_s + np.array(rest_s), sending_s, send(PROBE_BYTES))

    @property
    def fixed_s(self) -> float:
        """Mean over requests of the one way that is best in hindsight."""
        return float(self.seconds.mean(0).min())

    @property
    def least_s(self) -> float:
        """Mean when each request takes its best way and changing costs nothing: no policy reaches it."""
        return float(self.seconds.min(1).mean())


def clairvoyant(seconds: Floats, switch_s: float) -> tuple[float, int]:
    """Least mean over all sequences of ways when a change costs so much, and its changes: dynamic programming."""
    requests, ways = seconds.shape
    total: Floats = seconds[0].copy()
    before: NDArray[np.intp] = np.zeros(seconds.shape, np.intp)
    for request in range(1, requests):
        cheapest = int(total.argmin())
        stays = total <= total[cheapest] + switch_s
        before[request] = np.where(stays, np.arange(ways), cheapest)
        total = np.where(stays, total, total[cheapest] + switch_s) + seconds[request]
    way, changes = int(total.argmin()), 0
    mean_s = float(total[way]) / requests
    for request in range(requests - 1, 0, -1):
        earlier = int(before[request, way])
        changes += earlier != way
        way = earlier
    return mean_s, changes


@dataclass(frozen=True)
class Followed:
    """How a policy fared that sees only what it has sent."""

    mean_s: float  # changes paid
    changes: int
    probes: int


def follow(conditions: Conditions, replan: Replan) -> Followed:
    """Plays a trace. The link begins up; the first probe comes before the first request."""
    total_s, changes, probes, last = 0.0, 0, 0, -1
    replan.linked(True)
    for request, seconds in enumerate(conditions.seconds):
        if replan.probe_due:
            probes += 1
            replan.transferred(PROBE_BYTES, float(conditions.probe_s[request]))
        way = replan.choose()
        if way != last and last >= 0:
            changes += 1
            total_s += replan.switch_s
        last = way
        total_s += float(seconds[way])
        if sent := replan.ways.ways[way].sent_bytes:
            replan.transferred(sent, float(conditions.sending_s[request, way]))
    return Followed(total_s / len(conditions.seconds), changes, probes)
