"""What a node took of messages that must last, and how it was meanwhile: counts, memory, disk and pace over time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from .load_peers import Town

LOOK_S = 1.0  # between two looks at the node
MOST_GROWTH_BYTES = 64 << 20  # of the node's memory, and of its disk
SIXTH = 6  # the pace of the first and of the last sixth are told apart
Result = dict[str, Any]


@dataclass(frozen=True)
class Taken:
    """The node's status again and again while it took them, after it had taken all, and what the senders counted."""

    seen: list[Result]
    after: Result
    done: list[Result]

    def figures(self) -> Result:
        """What a row says."""
        done, after, before = self.done, self.after, self.seen[0]
        return {
            "sent": sum(one["sent"] for one in done),
            "taken": after["notes"],
            "lost": sum(one["acked"] for one in done) - after["notes"],
            "gaps": after["gaps"],
            "per_s": round(sum(one["acked_s"] for one in done)),
            "first_per_s": round(_pace(self.seen[: len(self.seen) // SIXTH + 2])),
            "last_per_s": round(_pace(self.seen[-(len(self.seen) // SIXTH + 2) :])),
            "most_waiting": max(one["waiting"] for one in self.seen),
            "grown_mb": round((max(one["rss_bytes"] for one in self.seen) - before["rss_bytes"]) / 1e6, 1),
            "disk_mb": round(max(one["disk_bytes"] for one in self.seen) / 1e6, 1),
            "node_cores": round((after["cpu_s"] - before["cpu_s"]) / (after["at_s"] - before["at_s"]), 2),
        }

    def holds(self, rate: float) -> tuple[str, bool]:
        """The bar, and whether it is met: each accepted message is counted once, in order, with bounded means."""
        found, most_mb = self.figures(), MOST_GROWTH_BYTES / 1e6
        whole = found["sent"] == found["taken"] and not found["lost"] and not found["gaps"]
        bounded = found["grown_mb"] <= most_mb and found["disk_mb"] <= most_mb
        bar = f">= {rate:g} a second, sent = taken, no gap, memory + <= {most_mb:.0f} MB, disk <= {most_mb:.0f} MB"
        return bar, found["per_s"] >= rate and whole and bounded


def take(town: Town, rate: float, for_s: float) -> Taken:
    """Messages at a rate for a while, over all senders; then waits until all are acknowledged."""
    seen, began_s = [town.status()], time.monotonic()
    for one in town.crowds:
        one.say(f"notes {rate / len(town.crowds)} {for_s}")
    while time.monotonic() - began_s < for_s:
        time.sleep(LOOK_S)
        seen.append(town.status())
    done = [one.hear() for one in town.crowds]
    return Taken(seen, town.status(), done)


def _pace(seen: list[Result]) -> float:
    """Messages per second from the first to the last of these looks."""
    first, last = seen[0], seen[-1]
    return float((last["notes"] - first["notes"]) / max(last["at_s"] - first["at_s"], 1e-9))
