"""What survives: power cuts, crashes, partitions and kill -9, in the simulator, under SQLite, and among processes.

Quick is for every change, the plain form for every merge (`make survive`); `survive_full` has a release's numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import survive_power, survive_promises, survive_rows, survive_sim

Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    cuts: int  # of power: under SQLite, and at commits of the simulated fleet
    seeds: int
    planted: int
    repeats: int
    phases: int  # of a roll-out
    manifests: int
    faults: int  # live
    edges: int
    rate_hz: float  # of each device
    starts: int  # without a cloud; 0: none, for a release takes a while to train


QUICK = Size(200, 12, 2, 2, 2, 2_000, 5, 1, 30.0, 0)
MEDIUM = Size(10_000, 1_000, 10, 100, 15, 100_000, 60, 2, 50.0, 20)


def run(quick: bool, seed: int) -> Result:
    """Rows of both worlds; the simulated ones by two processes, then the live ones alone on the machine."""
    size = QUICK if quick else MEDIUM
    rows = [*simulated(size, seed, 1 if quick else 2), *live(size, seed)]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def simulated(size: Size, seed: int, processes: int) -> list[Result]:
    """Everything that needs no real process."""
    share = max(size.seeds // 4, 1)
    asked: list[Callable[[], Result | list[Result]]] = [
        partial(survive_power.rows, size.cuts, seed),
        partial(survive_sim.at_every_commit, size.cuts, seed),
        *(partial(survive_sim.seeds, share, seed + place * share) for place in range(size.seeds // share)),
        partial(survive_sim.planted, size.planted, seed),
        partial(survive_sim.repeated, size.repeats, seed),
        partial(survive_promises.updates, size.phases, 1, seed),
        partial(survive_promises.changed, size.manifests, seed),
        survive_promises.ended,
    ]
    with ProcessPoolExecutor(processes) as pool:
        found = [future.result() for future in [pool.submit(one) for one in asked]]
    rows = [row for part in found for row in (part if isinstance(part, list) else [part])]
    return together(rows)


def live(size: Size, seed: int) -> list[Result]:
    """Real processes."""
    return list(survive_rows.play(size.edges, size.faults, size.rate_hz, size.starts, seed))


def together(rows: Sequence[Result]) -> list[Result]:
    """Rows of one thing that were measured in parts become one row."""
    made: dict[str, Result] = {}
    for row in rows:
        known = made.get(row["what"])
        if known is None:
            made[row["what"]] = dict(row)
            continue
        for key, value in row.items():
            if key == "ok":
                known[key] = bool(known[key] and value)
            elif isinstance(value, int):
                known[key] += value
            elif isinstance(value, float):
                known[key] = max(known[key], value)
        known["why"] = " | ".join(part for part in (known.get("why", ""), row.get("why", "")) if part)
    return list(made.values())
