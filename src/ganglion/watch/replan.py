"""When to change the way a split model runs: rate and load as real transfers show them, and what a change costs.

Source: Kang et al. 2017 (Neurosurgeon) choose again at every request; that a change must earn its cost within the time
conditions last is ours, and so are the constants.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from .steady import Steady
from .ways import Ways


@dataclass(frozen=True)
class Queue:
    """What requests that were not answered yet say of a link: they are in each other's way, and bound its rate."""

    bytes: float = 0.0  # sent, and still on their way as far as is known
    most_bytes_s: float = math.inf  # the rate cannot be higher, or the oldest would have been answered


EMPTY = Queue()


@dataclass
class Replan:
    """Follows one link. State is its fields; time and transfers are arguments."""

    ways: Ways
    switch_s: float = 0.02  # what a change costs the request after it
    lasts: int = 8  # requests that conditions are expected to stay as they are
    margin: float = 0.03  # a gain smaller than this share is left alone
    quiet: int = 4  # requests without a transfer after which the rate must be probed
    now: int = -1  # the way in force; -1 = none was chosen yet
    up: bool = True
    rate: Steady = field(default_factory=Steady)  # bytes/s
    load: Steady = field(default_factory=Steady)  # seconds of the far side over those profiled
    silent: int = 0  # requests since the last transfer

    def transferred(self, size_bytes: float, seconds: float) -> None:
        """So many bytes took so long, the link's delay not counted."""
        self.silent = 0
        if seconds > 0.0:
            self.rate.update(size_bytes / seconds)

    def computed(self, seconds: float, profiled_s: float) -> None:
        """The far side took so long for what was profiled to take that."""
        if profiled_s > 0.0:
            self.load.update(seconds / profiled_s)

    def linked(self, up: bool) -> None:
        """The link was lost, or has come back; what was known of its rate is then old."""
        self.up = up
        self.silent = self.quiet

    @property
    def probe_due(self) -> bool:
        """Whether nothing was seen of the link for so long that somebody should send something just to see."""
        return self.up and self.silent >= self.quiet

    def choose(self, queue: Queue = EMPTY) -> int:
        """The way for the next request. Without a link, or before anything is known of it, one that needs none."""
        self.silent += 1
        local = self._local()
        if not self.up or not self.rate.value:
            self.now = self.now if self.up and self.now >= 0 else local
            return self.now
        rate, load = min(self.rate.value, queue.most_bytes_s), self.load.value or 1.0
        wait_s = queue.bytes / rate
        best = self.ways.best(rate, load, wait_s)
        if self.now < 0 or best == self.now:
            self.now = best
            return best
        old_s, new_s = (self.ways.seconds(way, rate, load, wait_s) for way in (self.now, best))
        if (old_s - new_s) * self.lasts > self.switch_s and old_s > new_s * (1.0 + self.margin):
            self.now = best
        return self.now

    def _local(self) -> int:
        """The way that sends least, which is one that sends nothing where there is any."""
        ways = self.ways.ways
        return min(range(len(ways)), key=lambda at: (ways[at].sent_bytes, ways[at].near_s))


def local_exit(exits_s: Sequence[float], left_s: float) -> int:
    """The deepest exit that this place alone reaches in the time left; -1 = none. `exits_s` grow with depth.

    >>> local_exit([0.02, 0.05, 0.2], 0.1)
    1
    """
    return max((at for at, seconds in enumerate(exits_s) if seconds <= left_s), default=-1)
