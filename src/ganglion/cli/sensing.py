"""What `ganglion device sense` does: lets a device's sensor run, and says what became of its samples."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import NotFound
from .screen import say, show_json, show_table

if TYPE_CHECKING:
    from ..live.admin import AdminClient

EVERY_S = 5.0  # between two lines of progress
PER_SECOND = 1000  # numbers of samples that a second has: none comes twice, whenever it is asked for
LATEST_S = 5.0  # for answers after the last sample


@dataclass
class Seen:
    """What came back."""

    took_s: list[float] = field(default_factory=list)
    zones: Counter[str] = field(default_factory=Counter)
    degraded: int = 0
    failed: int = 0  # without a class

    def take(self, answered: Any) -> None:
        """One answer."""
        self.took_s.append(answered.took_s)
        self.zones[answered.answer.zone.name.lower()] += 1
        self.degraded += answered.answer.degraded
        self.failed += answered.answer.y < 0

    def table(self, sent: int) -> dict[str, Any]:
        """The end of it."""
        took = sorted(self.took_s) or [0.0]
        p50, p95 = (1e3 * took[int(share * (len(took) - 1))] for share in (0.5, 0.95))
        return {
            "sent": sent,
            "answered": len(self.took_s),
            **{f"answered at the {zone}": count for zone, count in sorted(self.zones.items())},
            "p50 ms": p50,
            "p95 ms": p95,
            "degraded": self.degraded,
            "without a class": self.failed,
        }


def sense(place: Path, source: str, count: int, rate_hz: float, as_json: bool) -> None:
    """Streams until the count is reached or Ctrl-C; then the sensor rests.

    Raises NotFound for a source that the device does not have, Unreachable where it does not run.
    """
    from ..flow.sense.messages import Stream
    from ..live.admin import AdminClient
    from ..live.agent_data import read_sensor

    if (sensor := read_sensor(place)) is None:
        raise NotFound(
            f"{place} has no source: data.py's stream(node) gives a device what it senses; see `ganglion new`"
        )
    sensor(source, 0)  # raises where there is no such source
    first, seen = int(_now_s()) * PER_SECOND, Seen()
    with AdminClient(place) as told, AdminClient(place) as client:
        facts = told.watch(client.status().facts)
        client.tell(Stream(source, count, rate_hz, first=first))
        try:
            sent = _follow(facts, seen, f"/{source}/")
        except KeyboardInterrupt:
            sent = _stop(client, seen)
    (show_json if as_json else lambda made: show_table(["", "value"], made.items()))(seen.table(sent))


def _follow(facts: Any, seen: Seen, named: str) -> int:
    """Until everything sent is answered, or long enough after the last was sent; how many were sent."""
    from ..core.facts import Answered
    from ..flow.sense.messages import StreamOver

    sent, next_s, until_s = 0, _now_s() + EVERY_S, float("inf")
    for _, body in facts:
        match body:
            case Answered(answer) if named in answer.sample:
                seen.take(body)
            case StreamOver(_, sent):
                until_s = _now_s() + LATEST_S
        if sent and (len(seen.took_s) >= sent or _now_s() > until_s):
            return sent
        if _now_s() > next_s:
            say(f"{len(seen.took_s)} answered …")
            next_s += EVERY_S
    return sent


def _now_s() -> float:
    """Wall time: to number samples, and to say now and then how far it is."""
    return datetime.now(UTC).timestamp()


def _stop(client: AdminClient, seen: Seen) -> int:
    from ..flow.sense.messages import Stream

    client.tell(Stream("", 0, 1.0))
    say("the sensor rests")
    return len(seen.took_s)
