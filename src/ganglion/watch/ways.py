"""Which way to run a split model is fastest at a link's rate: breakpoints found once, looked up for ever after."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from ..core.errors import ConfigError

LOADS = (1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 16.0, 32.0)  # far seconds over those profiled; one table each


@dataclass(frozen=True)
class Way:
    """One plan as a line over the link's slowness: its seconds are near + far * load + delay + bytes / rate."""

    name: str
    near_s: float  # before anything is sent; for a way that sends nothing, all of it
    far_s: float = 0.0  # beyond the link, as profiled
    sent_bytes: float = 0.0  # 0 = this way needs no link

    def seconds(self, rate: float, load: float, delay_s: float) -> float:
        """Expected at a rate in bytes/s; `delay_s` is both ways together."""
        if not self.sent_bytes:
            return self.near_s
        return self.near_s + self.far_s * load + delay_s + self.sent_bytes / rate if rate > 0.0 else float("inf")


@dataclass(frozen=True)
class Ways:
    """Ways in the order given, and per load the rates at which the fastest one changes."""

    ways: tuple[Way, ...]
    delay_s: float
    tables: tuple[tuple[tuple[float, ...], tuple[int, ...]], ...]  # per load: thresholds ascending, one way more

    @staticmethod
    def of(ways: Sequence[Way], delay_s: float) -> Ways:
        """Finds the breakpoints. Raises ConfigError without a way."""
        if not ways:
            raise ConfigError("there is no way to choose from; plan at least one, such as all on the device")
        return Ways(tuple(ways), delay_s, tuple(_envelope(ways, delay_s, load) for load in LOADS))

    def best(self, rate: float, load: float = 1.0, wait_s: float = 0.0) -> int:
        """Which way is fastest; a look-up in the table of the nearest load.

        `wait_s` is how long the link is busy with what was sent before: it delays every way that sends alike, so only
        ways that send nothing are looked at besides.
        """
        place = min(range(len(LOADS)), key=lambda at: abs(LOADS[at] - load))
        thresholds, chosen = self.tables[place]
        best = chosen[bisect_right(thresholds, rate)]
        if wait_s and self.ways[best].sent_bytes:
            quiet = [at for at, way in enumerate(self.ways) if not way.sent_bytes]
            best = min([best, *quiet], key=lambda at: self.seconds(at, rate, load, wait_s))
        return best

    def seconds(self, way: int, rate: float, load: float = 1.0, wait_s: float = 0.0) -> float:
        """What a way is expected to take."""
        seconds = self.ways[way].seconds(rate, load, self.delay_s)
        return seconds + wait_s if self.ways[way].sent_bytes else seconds


def _envelope(ways: Sequence[Way], delay_s: float, load: float) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """The lower envelope of lines fixed + bytes * slowness, from an infinite slowness, rate 0, to none."""
    fixed = [way.near_s + (way.far_s * load + delay_s if way.sent_bytes else 0.0) for way in ways]
    now = min(range(len(ways)), key=lambda at: (ways[at].sent_bytes, fixed[at], at))
    thresholds: list[float] = []
    chosen = [now]
    while True:
        lower = [at for at in range(len(ways)) if fixed[at] < fixed[now] and ways[at].sent_bytes > ways[now].sent_bytes]
        if not lower:
            return tuple(thresholds), tuple(chosen)
        # the next line to come below is the one that crosses this at the lowest rate; of several, the steepest
        crossing = {at: (ways[at].sent_bytes - ways[now].sent_bytes) / (fixed[now] - fixed[at]) for at in lower}
        now = min(lower, key=lambda at: (crossing[at], fixed[at], at))
        thresholds.append(crossing[now])
        chosen.append(now)
