"""That data stay where their tier says: a random walk over every real flow and gate, planted holes, the live wire."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from ..core.label import REACH, Form, Tier, Zone
from .data_tiers_courier import Table
from .data_tiers_live import on_the_wire
from .data_tiers_walk import Walk

STEPS, QUICK_STEPS = 1_000_000, 100_000
EACH = 5_000  # steps in one world; then another begins
PLANTED_STEPS = 20_000  # within which a planted hole must be found
HOLES: tuple[tuple[Tier, Form, Zone], ...] = (  # cells of the table, and how far they wrongly let data go
    (Tier.USER, Form.RAW, Zone.EDGE),
    (Tier.USER, Form.FEATURE, Zone.EDGE),
    (Tier.USER, Form.STATISTIC, Zone.CLOUD),
    (Tier.EDGE, Form.RAW, Zone.CLOUD),
    (Tier.EDGE, Form.FEATURE, Zone.CLOUD),
    (Tier.EDGE, Form.UPDATE, Zone.CLOUD),
    (Tier.DERIVED, Form.RAW, Zone.CLOUD),
)
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass(frozen=True)
class Walked:
    """What came of one world."""

    steps: int
    canaries: int  # that crossed links
    denied: int
    leaks: tuple[str, ...]  # by their bytes
    violations: tuple[str, ...]  # by the simulator


def run(quick: bool, seed: int) -> Result:
    """A row of the walk, one per planted hole, and one of the live wire."""
    steps = QUICK_STEPS if quick else STEPS
    worlds = [seed * 1_000_000 + number for number in range(steps // EACH)]
    with ProcessPoolExecutor(1 if quick else os.cpu_count()) as pool:
        rows = [_walk_row(list(pool.map(walk, worlds)))]
        rows += pool.map(plant, HOLES, [seed] * len(HOLES))
    rows.append(on_the_wire(seed))
    for row in rows:
        log.info("%s: %s", row["what"], "ok" if row["ok"] else row)
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def walk(seed: int) -> Walked:
    """One world with the real gates."""
    walker = Walk(seed)
    for _ in range(EACH):
        walker.step()
    walker.settle()
    return Walked(EACH, walker.judge.seen, walker.denied, tuple(walker.judge.leaks), tuple(walker.wires.violations))


def _walk_row(walked: Sequence[Walked]) -> Result:
    found = [why for one in walked for why in (*one.leaks, *one.violations)]
    return {
        "what": "a random walk, real flows and gates",
        "steps": sum(one.steps for one in walked),
        "canaries": sum(one.canaries for one in walked),
        "denied": sum(one.denied for one in walked),
        "found": len(found),
        "first": found[0] if found else "",
        "bar": "no path; canaries crossed, gates denied",
        "ok": not found and all(one.canaries and one.denied for one in walked),
    }


def plant(hole: tuple[Tier, Form, Zone], seed: int) -> Result:
    """A walk whose sending gate asks a table with a hole: its bytes and the simulator must both show it."""
    tier, form, zone = hole
    walker, by_bytes, by_simulator = Walk(seed, holed(hole)), 0, 0
    for step in range(1, PLANTED_STEPS + 1):
        walker.step()
        by_bytes = by_bytes or step * bool(walker.judge.leaks)
        by_simulator = by_simulator or step * bool(walker.wires.violations)
        if by_bytes and by_simulator:
            break
    moved, denied = len(walker.judge.leaks), walker.denied
    walker.settle()
    kept = len([one for one in walker.judge.leaks[moved:] if "disk" in one])
    return {
        "what": f"planted: {form.name.lower()} of tier {tier.name.lower()} may enter the {zone.name.lower()}",
        "steps": max(by_bytes, by_simulator),
        "denied": denied,
        "found": moved,
        "kept": kept,
        "first": (walker.wires.violations or [""])[0],
        "bar": "found by bytes and by the simulator; the arrival gate keeps it off the disk",
        "ok": bool(by_bytes and by_simulator) and denied > 0 and kept == 0,
    }


def holed(hole: tuple[Tier, Form, Zone]) -> Table:
    """A copy of the table with one cell changed."""
    tier, form, zone = hole
    changed = {each: list(zones) for each, zones in REACH.items()}
    changed[tier][form] = zone
    return changed
