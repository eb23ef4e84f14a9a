"""How far a plan is from the best there is: measured end to end against every cut, and over a grid of conditions.

Devices are emulated: their seconds are CPU seconds here by a declared slow-down. Links are shaped in userspace.
"""

from __future__ import annotations

import logging
import tempfile
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from ..core.probability import Floats
from .networks import FULL, NARROW, network
from .oracle_cells import Cell, Condition, Trial, run_cell, split_regret
from .oracle_live import Device, Testbed, link_of, testbed
from .oracle_stages import Staged, composed, stage
from .oracle_ways import places, plan
from .oracle_wire import Arm

NETWORKS = ("alexnet", "inception", "mobilenetv2", "nin", "resnet18", "tinyyolov2")
QUICK_NETWORKS = ("nin", "resnet18")
RATES, SLOWS = (5.85, 18.88), (4.0, 10.0)  # Mbit/s; times the cloud's seconds
GRID_RATES, GRID_SLOWS = (0.5, 1.1, 2.0, 5.85, 18.88, 50.0, 100.0), (2.0, 4.0, 10.0, 30.0)
TURNS, QUICK_TURNS = 12, 4  # requests per candidate; halves are measured so often, too
BARS = {"mean": 0.005, "p95": 0.02, "max": 0.05}  # of the regret
ROUNDING = 1e-4  # of the largest number in an answer: fused kernels round otherwise than parted ones
QUICK_RATIO = 1.5
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """A row per network, rate and slow-down, then what they say together, and the grid.

    Quick: two narrow networks at two rates, and only equalities and a ratio are bars.
    """
    names, slows = (QUICK_NETWORKS, SLOWS[1:]) if quick else (NETWORKS, SLOWS)
    conditions = [Condition(rate, slow) for rate, slow in product(RATES, slows)]
    turns = QUICK_TURNS if quick else TURNS
    rows: list[Result] = []
    grid: list[Result] = []
    regrets: list[float] = []
    found: list[tuple[Staged, Cell]] = []
    with tempfile.TemporaryDirectory(prefix="ganglion-oracle-") as folder, testbed(RATES, Path(folder), seed) as bed:
        for name in names:
            log.info("%s: capturing and measuring its stages", name)
            net = stage(name, network(name).capture(NARROW if quick else FULL, seed, fixed=True), seed, turns)
            cells = _cells(bed, net, conditions, turns, seed)
            found += [(net, cell) for cell in cells]
            rows += [_row(net, cell) for cell in cells]
            own = [] if quick else _grid(net)
            regrets += own
            grid += [_grid_row(f"{name}, composed", own)] if own else []
    together = _quick(found) if quick else [*_summary(found), *grid, _grid_row("the whole grid, composed", regrets)]
    rows += [*together, _equal(found), _errors(found)]
    return {"rows": rows, "ok": all(row.get("ok") is not False for row in rows)}


def _cells(bed: Testbed, net: Staged, conditions: list[Condition], turns: int, seed: int) -> list[Cell]:
    device = Device(net.made, bed.folder / net.name, seed)
    trial = Trial([places(one.slow, link_of(one.rate)) for one in conditions], turns, seed)
    cells = []
    for one in conditions:
        with device.connected(bed.ports[one.rate]):
            cell = run_cell(device, net, link_of(one.rate), one, trial)
        log.info("%s, %s: regret %.2f %%, %d arms", net.name, one.name, 100 * cell.regret, len(cell.seconds))
        cells.append(cell)
    return cells


def _row(net: Staged, cell: Cell) -> Result:
    told = {name: round(1e3 * seconds, 1) for name, seconds in cell.baselines.items()}
    return {
        "what": f"{net.name}, {cell.condition.name}",
        "arms": len(cell.seconds),
        "plan": _called(net, cell.ours),
        "best": _called(net, cell.best),
        "plan_ms": round(1e3 * median(cell.seconds[cell.ours]), 2),
        "best_ms": round(1e3 * median(cell.seconds[cell.best]), 2),
        "regret_pct": round(100 * cell.regret, 2),
        **told,
        "stolen_pct": round(100 * cell.stolen, 1),
        "skipped": cell.skipped,
    }


def _called(net: Staged, arm: Arm) -> str:
    at = net.cuts.index(arm.cut)
    return "device" if at == len(net.cuts) - 1 else f"{at}:{net.chain.boundaries[at]} {arm.wire}"


def _summary(found: list[tuple[Staged, Cell]]) -> list[Result]:
    """Bars on the regret over all cells."""
    regrets = [cell.regret for _, cell in found]
    hits = sum(cell.ours == cell.best for _, cell in found)
    values = {"mean": float(np.mean(regrets)), "p95": float(np.percentile(regrets, 95)), "max": max(regrets)}
    return [
        {
            "what": f"{len(found)} cells end to end: regret, {name}",
            "hits": hits,
            "regret_pct": round(100 * value, 3),
            "bar": f"<= {100 * BARS[name]:g} %",
            "ok": value <= BARS[name],
        }
        for name, value in values.items()
    ]


def _quick(found: list[tuple[Staged, Cell]]) -> list[Result]:
    """That the planner says the least of what it was told, and that what it says is no worse than everybody else."""
    off = max(_off(net, cell) for net, cell in found)
    ratio = max(median(cell.seconds[cell.ours]) / _least_baseline(cell) for _, cell in found)
    return [
        {"what": "plan against the least of all ways as told", "value": off, "bar": "<= 1e-9", "ok": off <= 1e-9},
        {
            "what": "plan against the best baseline, measured",
            "value": round(ratio, 3),
            "bar": f"<= {QUICK_RATIO:g}",
            "ok": ratio <= QUICK_RATIO,
        },
    ]


def _least_baseline(cell: Cell) -> float:
    """Of those that write tensors as the planner may; a JPEG is no tensor."""
    return min(seconds for name, seconds in cell.baselines.items() if name != "cloud_jpeg")


def _off(net: Staged, cell: Cell) -> float:
    """The relative difference of a plan's figure to the least that the planner's own numbers make."""
    before = np.concatenate([[0.0], np.cumsum(net.chain.seconds)])
    least = composed(net.chain, np.stack([before, before[-1] - before]), cell.condition.slow, cell.link).min()
    return abs(cell.plan.figures.latency_s / float(least) - 1.0)


def _equal(found: list[tuple[Staged, Cell]]) -> Result:
    worst = max(cell.apart for _, cell in found)
    what = "answers over both machines against the whole's, where nothing is lost on the way"
    return {"what": what, "value": worst, "bar": f"<= {ROUNDING:g}", "ok": worst <= ROUNDING}


def _errors(found: list[tuple[Staged, Cell]]) -> Result:
    """Of composing: measured halves and the fitted link against end to end."""
    errors = []
    for net, cell in found:
        table = composed(net.chain, np.median(net.halves, axis=2), cell.condition.slow, cell.link)
        rows = [wire.codec for wire in net.chain.wires]
        cuts = {cut: at for at, cut in enumerate(net.cuts)}
        for arm, taken in cell.seconds.items():
            errors.append(abs(float(table[rows.index(arm.wire), cuts[arm.cut]]) / median(taken) - 1.0))
    told = {"arms": len(errors), "value": round(float(np.median(errors)), 4), "p95": round(_p95(errors), 4)}
    return {"what": "composed against end to end, relative: median, p95, largest", **told, "max": round(max(errors), 4)}


def _grid(net: Staged) -> list[float]:
    """Regret over every rate and slow-down, composed; the best way is chosen on half of the turns."""
    found = []
    for rate, slow in product(GRID_RATES, GRID_SLOWS):
        link = link_of(rate)
        tables = [composed(net.chain, net.halves[:, :, turn], slow, link) for turn in range(net.halves.shape[2])]
        seconds: dict[tuple[int, int], Floats] = {
            (row, at): np.array([table[row, at] for table in tables]) for row, at in np.ndindex(*tables[0].shape)
        }
        best = plan(net, slow, link)
        row = next((at for at, wire in enumerate(net.chain.wires) if wire == best.wires[0]), 0)
        found.append(split_regret(seconds, (row, best.cut[0])))
    return found


def _grid_row(what: str, regrets: list[float]) -> Result:
    return {
        "what": f"{what}: regret over {len(regrets)} cells: mean, p95, largest",
        "hits": sum(one == 0.0 for one in regrets),
        "regret_pct": round(100 * float(np.mean(regrets)), 3),
        "p95": round(100 * _p95(regrets), 3),
        "max": round(100 * max(regrets), 3),
    }


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))
