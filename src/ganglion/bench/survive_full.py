"""A release's numbers of the survive bench, in episodes that are kept: whoever stops it goes on where it stood.

Half the live faults are broken links. Episodes lie under GANGLION_SURVIVE, or in `survive-full` below this folder.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import survive_power, survive_promises, survive_rows, survive_sim
from .survive import Size, together

FULL = Size(100_000, 10_000, 50, 100, 15, 100_000, 2_000, 8, 40.0, 20)
QUICK = Size(100, 4, 1, 1, 1, 500, 0, 1, 30.0, 0)
EPISODES = 20
LEAST_MESSAGES = 1_000_000
FOLDER = "GANGLION_SURVIVE"
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """Every episode that is not there yet, then one row per promise over all of them; quick: one, no processes."""
    size, episodes = (QUICK, 1) if quick else (FULL, EPISODES)
    rows: list[Result] = []
    for number in range(episodes):
        for name, work in _works(size, episodes, seed, number).items():
            rows += work() if quick else _kept(f"{seed}-{number}-{name}", work)
    made = together(rows)
    if not quick:
        messages = sum(int(row.get("messages", 0)) for row in made if str(row["what"]).startswith("live:"))
        bar = f">= {LEAST_MESSAGES}"
        made.append({"what": "P1: live messages", "messages": messages, "bar": bar, "ok": messages >= LEAST_MESSAGES})
    return {"rows": made, "ok": all(row.get("ok") is not False for row in made)}


def _works(size: Size, episodes: int, seed: int, number: int) -> dict[str, Callable[[], list[Result]]]:
    """An episode's parts, each with seeds of its own."""
    own = seed + 100_000 * number

    def share(whole: int) -> int:
        return max(whole // episodes, 1)

    works: dict[str, Callable[[], list[Result]]] = {
        "power": lambda: survive_power.rows(share(size.cuts), own),
        "commits": lambda: [survive_sim.at_every_commit(share(size.cuts), own)],
        "seeds": lambda: [survive_sim.seeds(share(size.seeds), own), survive_sim.planted(share(size.planted), own)],
        "again": lambda: [survive_sim.repeated(share(size.repeats), own)],
        "updates": lambda: [survive_promises.updates(size.phases, 1, own)],
        "manifests": lambda: [survive_promises.changed(share(size.manifests), own), survive_promises.ended()],
    }
    if size.faults:
        live = partial(survive_rows.play, size.edges, share(size.faults), size.rate_hz, share(size.starts), own)
        works["live"] = lambda: list(live())
    return works


def _kept(name: str, work: Callable[[], list[Result]]) -> list[Result]:
    """What an episode gave, done now or before."""
    file = Path(os.environ.get(FOLDER, "survive-full")) / f"{name}.json"
    if not file.exists():
        log.info("episode %s", name)
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".new")
        aside.write_text(json.dumps(work()) + "\n", "utf-8")
        aside.rename(file)
    rows: list[Result] = json.loads(file.read_text("utf-8"))
    return rows
