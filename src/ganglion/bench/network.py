"""Networks as Azure's edge tests draw them, on the virtual clock and live: what was sent, came, came twice, was lost.

The profiles are those of Azure/iotedge's connectivity test (NetworkController, settings.json): offline, satellite, 3G,
and five minutes off, five on. Live runs take a twentieth of the time; their delays and rates are not scaled.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.fleet import Link, NodeId
from ..core.label import Zone
from ..core.ports import Parcel
from ..flow.deliver.messages import Accepted, Hand
from ..live.supervisor import LiveFleet
from .survive_fleet import LTE, Story, begin, fleet, play, traffic
from .survive_live import Run, Source, setup
from .survive_rows import ledger, verdict_of

SCALE = 20.0  # of live runs
SETTLE_S = 3600.0
RATE_HZ, QUICK_RATE_HZ, LIVE_RATE_HZ = 1.0, 0.2, 20.0  # of each device
HOW = "relay in user space: rate, delay, jitter, cuts; TCP hides loss"
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Profile:
    """A network between an edge and its cloud, and when it is off."""

    name: str
    uplink: Link
    on_s: float  # at first, and of each cycle
    off_s: float
    cycles: int = 1

    @property
    def whole_s(self) -> float:
        """All of it."""
        return self.cycles * (self.on_s + self.off_s)


PROFILES = (
    Profile("offline", LTE, 0.0, 600.0),
    Profile(
        "satellite: 600 ± 50 ms, 2 % loss, 25 Mbit/s",
        Link("satellite", 25e6 / 8, 25e6 / 8, 0.6, 0.05, 0.02),
        600.0,
        0.0,
    ),
    Profile("3G as written: 100 ± 10 ms, 700 Mbit/s", Link("3g", 700e6 / 8, 700e6 / 8, 0.1, 0.01), 600.0, 0.0),
    Profile("3G as meant: 100 ± 10 ms, 700 kbit/s", Link("3g", 700e3 / 8, 700e3 / 8, 0.1, 0.01), 600.0, 0.0),
    Profile("flapping: 5 min on, 5 min off", LTE, 300.0, 300.0, 6),
)
QUICK_LIVE = (PROFILES[1], PROFILES[4])
QUICK_S, QUICK_CYCLES = 120.0, 2  # of a quick live run, before it is scaled


def run(quick: bool, seed: int) -> Result:
    """A row per profile and world; `quick` sends less, and live plays two profiles, shorter."""
    rows = [simulated(profile, QUICK_RATE_HZ if quick else RATE_HZ, seed) for profile in PROFILES]
    for profile in QUICK_LIVE if quick else PROFILES:
        log.info("live: %s", profile.name)
        rows.append(live(_shorter(profile) if quick else profile, seed))
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _shorter(profile: Profile) -> Profile:
    on_s, off_s = min(profile.on_s, QUICK_S), min(profile.off_s, QUICK_S / 2)
    return Profile(profile.name, profile.uplink, on_s, off_s, min(profile.cycles, QUICK_CYCLES))


class Counted:
    """A tap on an uplink: how often samples were put on it, and how many different ones."""

    def __init__(self, edge: NodeId) -> None:
        self.crossed = 0
        self.numbers: set[int] = set()
        self._edge = edge

    def __call__(self, sender: NodeId, to: NodeId, parcel: Parcel) -> Parcel:
        """Sees a parcel, changes nothing."""
        if sender == self._edge and isinstance(parcel.body, Hand):
            self.crossed += 1
            self.numbers.add(parcel.seq)
        return parcel


def simulated(profile: Profile, rate_hz: float, seed: int) -> Result:
    """Two devices hand samples up for as long as the profile takes, then everything is good again."""
    story = begin(seed, fleet(1, 2, profile.uplink))
    (edge,) = (node.id for node in story.world.fleet.at(Zone.EDGE))
    story.world.wires.meddle = counted = Counted(edge)
    play(story, [*traffic(story, seed, rate_hz, profile.whole_s), *_switches(story, profile, edge)])
    story.heal()
    settled = story.settle(SETTLE_S)
    verdict = story.verdict()
    reconciled = verdict.offered == verdict.accepted == verdict.delivered and not verdict.unknown
    ok = verdict.whole and settled and reconciled and verdict.delivered > 0
    return {
        "what": profile.name,
        "how": "virtual clock",
        "sent": verdict.offered,
        "received": verdict.delivered,
        "lost": verdict.lost,
        "unknown": verdict.unknown,
        "twice": verdict.twice,
        "resent": counted.crossed - len(counted.numbers),
        "bar": "sent = received, 0 twice",
        "ok": ok,
        "why": "" if ok else f"{verdict}, settled: {settled}",
    }


def _switches(story: Story, profile: Profile, edge: NodeId) -> Iterator[tuple[float, Any]]:
    at_s = story.world.now_s()
    for _ in range(profile.cycles):
        if profile.off_s:
            yield at_s + profile.on_s, lambda: story.part(edge)
            yield at_s + profile.on_s + profile.off_s, lambda: story.mend(edge)
        at_s += profile.on_s + profile.off_s


def live(profile: Profile, seed: int) -> Result:
    """Real processes over our relay, a twentieth of the time."""
    made = fleet(1, 1, profile.uplink)
    with tempfile.TemporaryDirectory(prefix="ganglion-network-") as name:
        folder = Path(name) / "fleet"
        with LiveFleet(setup(made), folder, seed) as running:
            devices = [node.id for node in made.at(Zone.DEVICE)]
            played = Run(running, [Source(running, device, LIVE_RATE_HZ) for device in devices])
            for source in played.sources:
                source.start()
            _switch(played, profile)
            for source in played.sources:
                source.over.set()
                source.join()
            played.settle()
            accepted = {
                body.sample for _, node, body in running.facts if node in devices and isinstance(body, Accepted)
            }
        found = ledger(verdict_of(played, folder, accepted), profile.name, 1)
    same = ("lost", "unknown", "twice", "ok", "why")
    row = {"what": profile.name, "how": f"live, 1/{SCALE:g} of the time; {HOW}", "sent": found["messages"]}
    row |= {"received": found["delivered"], **{key: found[key] for key in same}, "bar": "sent = received, 0 twice"}
    return {**row, "ok": found["ok"] and found["messages"] == found["delivered"]}


def _switch(played: Run, profile: Profile) -> None:
    edge = played.edges[0]
    for _ in range(profile.cycles):
        played.running.rest(profile.on_s / SCALE)
        if profile.off_s:
            played.running.cut(edge)
            played.running.rest(profile.off_s / SCALE)
            played.running.mend(edge)
