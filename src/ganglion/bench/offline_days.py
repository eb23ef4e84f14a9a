"""P9: an edge without its cloud for days on the virtual clock, and a disk too small for what it accepts meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.facts import Audited
from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.rng import stream
from ..node.auditing import read
from ..node.tools import Policy
from .survive_fleet import ALL_KEPT, CLOUD, Story, begin, fleet

HOUR_S = 3600.0
SAMPLE_BYTES = 4096
HOUR_BYTES = 80 << 10  # of the edge's outbox, for each hour away: about a third of what is accepted
OTHER_BYTES = 1 << 20  # of the edge's disk: journals, cursors, the audit log
CUT_HOURS = 4  # between power cuts of the edge
EVERY_S = 60.0  # between samples
SETTLE_S = 3600.0
Result = dict[str, Any]


@dataclass
class Watched:
    """The most that the edge's disk has held, looked at every virtual hour."""

    story: Story
    edge: NodeId
    cap_bytes: int
    most_bytes: int = 0
    hours: int = 0
    over: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Once."""
        self.hours += 1
        used = self.story.world.nodes[self.edge].platter.used_bytes
        self.most_bytes = max(self.most_bytes, used)
        if used > self.cap_bytes:
            self.over.append(f"hour {self.hours}: {used} bytes")


def days(hours: int, seed: int) -> Iterator[Result]:
    """Without and with power cuts; then with an outbox that may grow too large, which must be seen."""
    for reboots in (False, True):
        story, watched = _away(hours, seed, reboots, hours * HOUR_BYTES)
        yield _row(hours, story, watched, reboots)
    story, watched = _away(6, seed, False, 2400 * HOUR_BYTES, every_s=EVERY_S / 10.0, cap_bytes=OTHER_BYTES)
    what, bar = "a quota above the cap (planted)", "over the cap: the bench would notice"
    yield {"what": what, "runs": 1, "most_bytes": watched.most_bytes, "bar": bar, "ok": bool(watched.over)}


def _away(
    hours: int, seed: int, reboots: bool, quota_bytes: int, every_s: float = EVERY_S, cap_bytes: int = 0
) -> tuple[Story, Watched]:
    """The link to the cloud is cut for so many hours, then mended."""
    story = begin(seed, fleet(1, 1), Policy(kept_samples=ALL_KEPT, promised_bytes=quota_bytes))
    (edge,) = (node.id for node in story.world.fleet.at(Zone.EDGE))
    watched, chance = Watched(story, edge, cap_bytes or quota_bytes + OTHER_BYTES), stream(seed, "days")
    story.part(edge)
    for _ in range(hours):
        _hour(story, every_s, chance.random)
        watched.look()
        story.world.facts.clear()  # the ledger has heard them
        if reboots and watched.hours % CUT_HOURS == 0:
            story.kill(edge)
            story.world.rest(30.0)
            story.start(edge)
    story.heal()
    story.settle(SETTLE_S)
    watched.look()
    return story, watched


def _hour(story: Story, every_s: float, random: Callable[[], float]) -> None:
    devices = [node.id for node in story.world.fleet.at(Zone.DEVICE)]
    start_s = story.world.now_s()
    times = sorted((start_s + random() * HOUR_S, device) for device in devices for _ in range(int(HOUR_S / every_s)))
    for at_s, device in times:
        story.world.rest(max(at_s - story.world.now_s(), 0.0))
        story.offer(device, size_bytes=SAMPLE_BYTES)
    story.world.rest(max(start_s + HOUR_S - story.world.now_s(), 0.0))


def _row(hours: int, story: Story, watched: Watched, reboots: bool) -> Result:
    verdict, drive = story.verdict(), story.drive(CLOUD)
    codec = drive.tools.codec
    logged = [codec.decode(entry.record).act for entry in read(drive.tools.disk, codec)]
    said = sum(isinstance(act, Audited) and act.act == "missed" for act in logged)
    wrong = [*watched.over[:2]]
    if verdict.accepted != verdict.delivered + verdict.given_up:
        wrong.append(f"{verdict.accepted} accepted, {verdict.delivered} delivered, {verdict.given_up} given up")
    if said != len(story.gaps):
        wrong.append(f"{len(story.gaps)} gaps came, {said} are in the audit log")
    if story.waiting() or not verdict.whole or not verdict.given_up:
        wrong.append(f"{story.waiting()} wait; {verdict}")
    cuts = f", a power cut every {CUT_HOURS} hours" if reboots else ""
    return {
        "what": f"P9: {hours / 24:g} virtual days without the cloud{cuts}",
        "runs": 1,
        "messages": verdict.accepted,
        "delivered": verdict.delivered,
        "given_up": verdict.given_up,
        "gaps": len(story.gaps),
        "lost": verdict.lost,
        "most_bytes": watched.most_bytes,
        "cap_bytes": watched.cap_bytes,
        "bar": "accepted = delivered + given up and said; disk <= cap",
        "ok": not wrong,
        "why": "; ".join(wrong),
    }
