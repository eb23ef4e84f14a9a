"""What real transfers have shown of a link: smoothed delay and rate."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.ports import Reading

WEIGHT = 0.2  # of the newest observation
ENOUGH_BYTES = 65_536  # smaller transfers say more about delay than about rate


@dataclass
class Measured:
    """Exponentially weighted means of what was seen on one link."""

    bytes_s: float | None = None
    delay_s: float | None = None  # one way: half a round trip

    def transferred(self, size_bytes: int, seconds: float) -> None:
        """So many bytes arrived at the other end within so many seconds."""
        if size_bytes >= ENOUGH_BYTES and seconds > 0.0:
            self.bytes_s = _mean(self.bytes_s, size_bytes / seconds)

    def answered(self, round_trip_s: float) -> None:
        """A ping came back."""
        self.delay_s = _mean(self.delay_s, round_trip_s / 2.0)

    def reading(self, up: bool) -> Reading:
        """The link as the planner sees it."""
        return Reading(up, self.bytes_s, self.delay_s)


def _mean(old: float | None, new: float) -> float:
    return new if old is None else old + WEIGHT * (new - old)
