"""Roll-outs in both worlds: every way they can end, power cuts at every phase, false alarms, a hundred swaps."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..core.binomial import clopper_pearson
from ..core.errors import GanglionError
from .kept import CACHE, Kept
from .rollout_cases import CASES, CUTS, inputs_to_return
from .rollout_child import READS
from .rollout_fleet import RATE_HZ
from .rollout_parts import (
    ALARM_CHUNKS,
    CHUNKS,
    KINDS,
    SWAPS,
    TOLERANT,
    Part,
    alarms_of,
    parts,
    simulated,
    swaps,
)
from .rollout_sim import world

LIMIT_INPUTS = 500
QUICK_CUTS = tuple(CUTS[place] for place in (3, 6, 8, 10, 12))
LIVE_WIDE, SIMULATED_WIDE = 3, 2  # parts side by side; a live one waits more than it computes
CHILD = "ganglion.bench.rollout_child"
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int, folder: Path = CACHE) -> Result:
    """Every case; `quick` plays some in the simulator, looks for false alarms in a seed, swaps with less load.

    The full run keeps each part: one that is ended is taken up where it was, as long as code and seed are the same.
    """
    rows = _quick(seed) if quick else _full(seed, folder)
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _quick(seed: int) -> list[Result]:
    rows = [simulated(case, 1, seed) for case in (*CASES, *QUICK_CUTS)]
    rows.append(_inputs("", [inputs_to_return(world(seed))]))
    rows += [_alarm(kind, TOLERANT, [alarms_of(kind, TOLERANT, [seed])], quick=True) for kind in KINDS]
    return [*rows, swaps(world(seed), SWAPS, RATE_HZ)]


def _full(seed: int, folder: Path) -> list[Result]:
    kept = Kept("rollout", seed, READS, folder)
    wanted = parts()
    missing = [part for part in wanted if kept.get(part.name) is None]
    with ThreadPoolExecutor(LIVE_WIDE) as live, ThreadPoolExecutor(SIMULATED_WIDE) as simulated:
        begun = [(live if part.live else simulated).submit(_measure, part, seed, folder) for part in missing]
        for one in begun:
            one.result()
    found = {part.name: kept.get(part.name) or {} for part in wanted}
    rows = [one for name, one in found.items() if name.startswith(("simulated ", "live ")) and "held" in one]
    rows += [{"what": f"live: {case.what}", "runs": 0, "why": case.only_sim} for case in CASES if case.only_sim]
    rows += [one for one in found.values() if one.get("why", "").startswith("not played")]
    rows.append(_random([found[f"random cuts {turn}"] for turn in range(CHUNKS)]))
    rows += [_inputs("", found["inputs"]["found"]), _inputs("live: ", found["live inputs"]["found"])]
    for error in (0.0, TOLERANT):
        for kind in KINDS:
            chunks = [found[f"alarms {kind} {error:g} {turn}"] for turn in range(ALARM_CHUNKS)]
            rows.append(_alarm(kind, error, chunks, quick=False))
    return [*rows, found["swaps"], found["live swaps"]]


def _measure(part: Part, seed: int, folder: Path) -> None:
    """In a process of its own. Raises GanglionError with its last words where it fails."""
    log.info("%s begins", part.name)
    command = [sys.executable, "-m", CHILD, part.name, str(seed), str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-1000:]
        raise GanglionError(f"{part.name!r} ended with {done.returncode}: {said}; run the bench again to go on")
    log.info("%s is measured", part.name)


def _random(chunks: Sequence[Result]) -> Result:
    runs, wrong = sum(one["runs"] for one in chunks), [fault for one in chunks for fault in one["wrong"]]
    row = {"what": "power cut of any node at any moment", "runs": runs, "held": runs - len(wrong)}
    return {**row, "bar": "all", "ok": not wrong, "why": " | ".join(wrong[:3])}


def _inputs(where: str, found: Sequence[int]) -> Result:
    what = f"{where}labels swapped, answers at once: inputs until back"
    ok = min(found) >= 0 and max(found) <= LIMIT_INPUTS
    return {"what": what, "runs": len(found), "most": max(found), "bar": f"<= {LIMIT_INPUTS} in each run", "ok": ok}


def _alarm(kind: str, error: float, chunks: Sequence[Result], quick: bool) -> Result:
    runs, back, kept_old = (sum(one[name] for one in chunks) for name in ("runs", "back", "kept_old"))
    low, high = clopper_pearson(back, runs)
    what = f"good release ({kind}) comes back, {error:g} of sites may say no"
    bar = {} if quick or not error else {"bar": "<= 0.1", "ok": back / runs <= 0.1}
    return {
        "what": what,
        "runs": runs,
        "share": back / runs,
        "low": low,
        "high": high,
        "sites kept old": kept_old,
        **bar,
    }
