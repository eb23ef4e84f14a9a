"""A release's numbers of the survive bench, in parts that are kept: whoever stops it goes on where it stood.

Simulated parts come first, two at a time; then the live ones, each alone on the machine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from . import survive_power, survive_promises, survive_rows, survive_sim
from .kept import Kept
from .survive import Size, listed, together
from .survive_rows import Faults, Played

EPISODES = 20
FULL = Size(100_000, 100_000, 2_000, 40, 100, 15, 24_000)
UPDATES = 34  # rounds of the roll-out's phases in an episode: 10,200 histories in all
QUICK, QUICK_UPDATES = Size(100, 100, 4, 1, 1, 1, 500), 1
LIVE = Faults(8, 120.0, 10, 110, 0, 0, 50_500)  # of each episode: half its faults are broken links
TRAINED, EVERY = replace(LIVE, workers=3, starts=4), 4  # of each fourth one: a release takes a while
LEAST_MESSAGES, LEAST_FAULTS = 1_000_000, 1_000
OTHERS = ("rollout_sim", "rollout_cases", "rollout_fleet", "rollout_model", "fuzz", "hostile_identities")
READS = (*(f"bench/{name}.py" for name in OTHERS), "live", "node", "flow", "sim", "core", "protect", "template")
Result = dict[str, Any]
Part = Callable[[], list[Result]]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """Every part that is not there yet, then one row per promise over all of them; quick: one of each, not live."""
    if quick:
        rows = [row for part in parts(QUICK, 1, QUICK_UPDATES, seed, 0).values() for row in part()]
        return _result(together(rows))
    kept = Kept("survive", seed, READS)
    works = {name: part for number in range(EPISODES) for name, part in _episode(seed, number).items()}
    with ProcessPoolExecutor(2) as pool:
        new = {name: pool.submit(part) for name, part in works.items() if kept.get(name) is None}
        for done, (name, future) in enumerate(new.items(), 1):
            kept.put(name, {"rows": future.result()})
            log.info("part %s is measured: %d of %d", name, done, len(new))
    rows = together([row for name in works for row in (kept.get(name) or {})["rows"]])
    played = [_live(kept, seed, number) for number in range(EPISODES)]
    return _result([*rows, *survive_rows.rows(played, True), _many(played)])


def _episode(seed: int, number: int) -> dict[str, Part]:
    return parts(FULL, EPISODES, UPDATES, seed, number)


def parts(size: Size, episodes: int, updates: int, seed: int, number: int) -> dict[str, Part]:
    """An episode's simulated parts, with seeds of their own."""
    own = seed + 100_000 * number

    def share(whole: int) -> int:
        return max(whole // episodes, 1)

    single: dict[str, Callable[[], Result]] = {
        "commits": partial(survive_sim.at_every_commit, share(size.commits), own),
        "seeds": partial(survive_sim.seeds, share(size.seeds), own),
        "planted": partial(survive_sim.planted, share(size.planted), own),
        "again": partial(survive_sim.repeated, share(size.repeats), own),
        "updates": partial(survive_promises.updates, size.phases, updates, own),
        "manifests": partial(survive_promises.changed, share(size.manifests), own),
        "ended": survive_promises.ended,
    }
    made: dict[str, Part] = {f"power {number}": partial(survive_power.rows, share(size.cuts), own)}
    return made | {f"{name} {number}": partial(listed, one) for name, one in single.items()}


def _live(kept: Kept, seed: int, number: int) -> Played:
    """An episode among real processes, played now or before."""
    name = f"live {number}"
    if kept.get(name) is None:
        log.info("part %s", name)
        faults = LIVE if number % EVERY else TRAINED
        kept.put(name, asdict(survive_rows.play(faults, seed + 100_000 * number)))
    return Played(**(kept.get(name) or {}))


def _many(played: list[Played]) -> Result:
    kills, cuts = sum(one.kills for one in played), sum(one.cuts for one in played)
    messages = sum(one.verdict["offered"] for one in played)
    ok = min(kills, cuts) >= LEAST_FAULTS and messages >= LEAST_MESSAGES
    bar = f">= {LEAST_FAULTS} of each, >= {LEAST_MESSAGES} messages"
    what = f"P1: {kills} kill -9, {cuts} cuts"
    return {"what": what, "runs": kills + cuts, "messages": messages, "bar": bar, "ok": ok}


def _result(rows: list[Result]) -> Result:
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}
