"""What survives: power cuts, crashes, partitions and kill -9, in the simulator, under SQLite, and among processes.

Quick is for every change, the plain form for every merge (`make survive`); `survive_full` has a release's numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import survive_power, survive_promises, survive_rows, survive_sim
from .survive_rows import Faults

Result = dict[str, Any]


@dataclass(frozen=True)
class Size:
    """How much of everything."""

    cuts: int  # of power under SQLite
    commits: int  # of the simulated fleet at which power goes
    seeds: int
    planted: int
    repeats: int
    phases: int  # of a roll-out
    manifests: int  # each is changed in about four ways


QUICK = Size(200, 200, 12, 2, 2, 2, 2_000), Faults(1, 30.0, 5, 0, 0, 0)
MEDIUM = Size(5_000, 5_000, 1_000, 10, 20, 5, 5_000), Faults(8, 20.0, 60, 0, 2, 10)


def run(quick: bool, seed: int) -> Result:
    """Rows of both worlds, side by side: the simulated ones by two processes on what the live ones leave idle."""
    size, faults = QUICK if quick else MEDIUM
    with ProcessPoolExecutor(1 if quick else 2, initializer=give_way) as pool:
        asked = [pool.submit(one) for one in parts(size, seed)]
        rows = list(survive_rows.rows([survive_rows.play(faults, seed)], not quick))
        rows = [*together([row for future in asked for row in future.result()]), *rows]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def give_way() -> None:
    """This process runs only while a core is idle, for the times of real processes are taken beside it."""
    if hasattr(os, "SCHED_IDLE"):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    else:
        os.nice(19)


def parts(size: Size, seed: int) -> list[Callable[[], list[Result]]]:
    """Everything that needs no real process, the longest first."""
    share = max(size.seeds // 4, 1)
    return [
        *(partial(listed, partial(survive_sim.seeds, share, seed + at * share)) for at in range(size.seeds // share)),
        partial(survive_power.rows, size.cuts, seed),
        partial(listed, partial(survive_sim.at_every_commit, size.commits, seed)),
        partial(listed, partial(survive_promises.updates, size.phases, 1, seed)),
        partial(listed, partial(survive_promises.changed, size.manifests, seed)),
        partial(listed, partial(survive_sim.repeated, size.repeats, seed)),
        partial(listed, partial(survive_sim.planted, size.planted, seed)),
        partial(listed, survive_promises.ended),
    ]


def listed(row: Callable[[], Result]) -> list[Result]:
    """One row as a part of its own."""
    return [row()]


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
