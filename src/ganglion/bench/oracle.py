"""How far a plan is from the best there is: measured end to end against every cut, and over a grid of conditions.

Devices are emulated: their seconds are CPU seconds here by a declared slow-down. Links are shaped in userspace.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from .kept import Kept
from .networks import FULL, NARROW, network
from .oracle_cells import Condition, Trial, run_cell
from .oracle_live import Device, Testbed, link_of, testbed
from .oracle_pictures import sources
from .oracle_rows import Result, grid_regrets, grid_row, p95, record
from .oracle_stages import Staged, stage
from .oracle_ways import places

READS = ("core", "engine", "pack", "plan/cut", "live/shaper", "live/stopwatch.py", "bench/networks.py")
NETWORKS = ("alexnet", "inception", "mobilenetv2", "nin", "resnet18", "tinyyolov2")
QUICK_NETWORKS = ("nin", "resnet18")
RATES, SLOWS = (5.85, 18.88), (4.0, 10.0)  # Mbit/s; times the cloud's seconds
TURNS, QUICK_TURNS = 12, 4  # the most requests per candidate
HALVES = 6  # how often halves are measured
BARS = {"mean": 0.005, "p95": 0.02, "max": 0.05}  # of the regret
ROUNDING = 1e-4  # of the largest number in an answer: fused kernels round otherwise than parted ones
QUICK_RATIO = 1.5
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """A row per network, rate and slow-down, then what they say together, and the grid.

    Quick: two narrow networks at two rates, and only equalities and a ratio are bars. Otherwise a cell that was
    measured before with this code and seed is not measured again, so a run that was ended is taken up where it was.
    """
    names, slows = (QUICK_NETWORKS, SLOWS[1:]) if quick else (NETWORKS, SLOWS)
    conditions = [Condition(rate, slow) for rate, slow in product(RATES, slows)]
    kept = None if quick else Kept("oracle", seed, READS)
    cells: list[Result] = []
    grids: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="ganglion-oracle-") as folder, testbed(RATES, Path(folder), seed) as bed:
        for name in names:
            found = _known(kept, name, conditions)
            if None in found.values():
                _measure(bed, name, found, kept, seed)
            grids[name] = _regrets(found.pop("grid", None))
            cells += [one for one in found.values() if one is not None]
    rows = [one["row"] for one in cells]
    rows += _quick(cells) if quick else [*_summary(cells), *_grids(grids), *sources(seed)]
    rows += [_equal(cells), _errors(cells)]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _regrets(grid: Result | None) -> list[float]:
    return [] if grid is None else list(grid["regrets"])


def _known(kept: Kept | None, name: str, conditions: list[Condition]) -> dict[str, Result | None]:
    """What there is of a network already, by condition; and of its grid, which the quick run has not."""
    if kept is None:
        return {one.name: None for one in conditions}
    return {one: kept.get(f"{name} {one}") for one in (*(one.name for one in conditions), "grid")}


def _measure(bed: Testbed, name: str, found: dict[str, Result | None], kept: Kept | None, seed: int) -> None:
    """Fills in what is missing."""
    log.info("%s: capturing and measuring its stages", name)
    turns = QUICK_TURNS if kept is None else TURNS
    made = network(name).capture(NARROW if kept is None else FULL, seed, fixed=True)
    net = stage(name, made, seed, QUICK_TURNS if kept is None else HALVES)
    for key, one in _records(bed, net, [key for key, one in found.items() if one is None], turns, seed):
        found[key] = one
        if kept is not None:
            kept.put(f"{name} {key}", one)


def _records(bed: Testbed, net: Staged, wanted: list[str], turns: int, seed: int) -> Iterator[tuple[str, Result]]:
    device = Device(net.made, bed.folder / net.name, seed)
    conditions = {one.name: one for one in (Condition(rate, slow) for rate, slow in product(RATES, SLOWS))}
    trial = Trial([places(one.slow, link_of(one.rate)) for one in conditions.values()], turns, seed)
    for key in wanted:
        if key == "grid":
            yield key, {"regrets": grid_regrets(net)}
            continue
        one = conditions[key]
        with device.connected(bed.ports[one.rate]):
            cell = run_cell(device, net, link_of(one.rate), one, trial)
        log.info("%s, %s: regret %.2f %%, %d arms", net.name, one.name, 100 * cell.regret, len(cell.seconds))
        yield key, record(net, cell)


def _summary(cells: list[Result]) -> list[Result]:
    """Bars on the regret over all cells."""
    regrets = [cell["regret"] for cell in cells]
    values = {"mean": float(np.mean(regrets)), "p95": p95(regrets), "max": max(regrets)}
    return [
        {
            "what": f"{len(cells)} cells end to end: regret, {name}",
            "hits": sum(cell["hit"] for cell in cells),
            "regret_pct": round(100 * value, 3),
            "bar": f"<= {100 * BARS[name]:g} %",
            "ok": value <= BARS[name],
        }
        for name, value in values.items()
    ]


def _grids(grids: dict[str, list[float]]) -> list[Result]:
    every = [one for regrets in grids.values() for one in regrets]
    rows = [grid_row(f"{name}, composed", regrets) for name, regrets in grids.items()]
    return [*rows, grid_row("the whole grid, composed", every)]


def _quick(cells: list[Result]) -> list[Result]:
    """That the planner says the least of what it was told, and that what it says is no worse than everybody else."""
    off, ratio = (max(cell[key] for cell in cells) for key in ("off", "ratio"))
    return [
        {"what": "plan against the least of all ways as told", "value": off, "bar": "<= 1e-9", "ok": off <= 1e-9},
        {
            "what": "plan against the best baseline, measured",
            "value": round(ratio, 3),
            "bar": f"<= {QUICK_RATIO:g}",
            "ok": ratio <= QUICK_RATIO,
        },
    ]


def _equal(cells: list[Result]) -> Result:
    worst = max(cell["apart"] for cell in cells)
    what = "answers over both machines against the whole's, where nothing is lost on the way"
    return {"what": what, "value": worst, "bar": f"<= {ROUNDING:g}", "ok": worst <= ROUNDING}


def _errors(cells: list[Result]) -> Result:
    """Of composing: measured halves and the fitted link against end to end."""
    errors = [one for cell in cells for one in cell["errors"]]
    told = {"arms": len(errors), "value": round(float(np.median(errors)), 4), "p95": round(p95(errors), 4)}
    return {"what": "composed against end to end, relative: median, p95, largest", **told, "max": round(max(errors), 4)}
