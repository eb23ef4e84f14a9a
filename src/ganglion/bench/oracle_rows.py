"""What the oracle's bench keeps and prints of a measured cell, and the grid that is composed of measured stages."""

from __future__ import annotations

from itertools import product
from statistics import median
from typing import Any

import numpy as np

from ..core.probability import Floats
from .oracle_cells import Cell, split_regret
from .oracle_live import link_of
from .oracle_stages import Staged, composed
from .oracle_ways import plan
from .oracle_wire import Arm

GRID_RATES, GRID_SLOWS = (0.5, 1.1, 2.0, 5.85, 18.88, 50.0, 100.0), (2.0, 4.0, 10.0, 30.0)
Result = dict[str, Any]


def record(net: Staged, cell: Cell) -> Result:
    """All that is said of a cell later, as JSON can hold it."""
    best_s, ours_s = (median(cell.seconds[arm]) for arm in (cell.best, cell.ours))
    return {
        "row": _row(net, cell),
        "regret": cell.regret,
        "hit": cell.ours == cell.best or ours_s <= best_s,
        "apart": cell.apart,
        "off": _off(net, cell),
        "ratio": ours_s / _least_baseline(cell),
        "errors": _errors(net, cell),
    }


def _row(net: Staged, cell: Cell) -> Result:
    told = {name: round(1e3 * seconds, 1) for name, seconds in cell.baselines.items()}
    return {
        "what": f"{net.name}, {cell.condition.name}",
        "arms": len(cell.seconds),
        "behind": cell.behind,
        "requests": sum(len(taken) for taken in cell.seconds.values()),
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


def _least_baseline(cell: Cell) -> float:
    """Of those that write tensors as the planner may; a JPEG is no tensor."""
    return min(seconds for name, seconds in cell.baselines.items() if name != "cloud_jpeg")


def _off(net: Staged, cell: Cell) -> float:
    """The relative difference of a plan's figure to the least that the planner's own numbers make."""
    before = np.concatenate([[0.0], np.cumsum(net.chain.seconds)])
    least = composed(net.chain, np.stack([before, before[-1] - before]), cell.condition.slow, cell.link).min()
    return abs(cell.plan.figures.latency_s / float(least) - 1.0)


def _errors(net: Staged, cell: Cell) -> list[float]:
    """Of composing, relative, per arm."""
    table = composed(net.chain, np.median(net.halves, axis=2), cell.condition.slow, cell.link)
    rows = [wire.codec for wire in net.chain.wires]
    cuts = {cut: at for at, cut in enumerate(net.cuts)}
    return [
        abs(float(table[rows.index(arm.wire), cuts[arm.cut]]) / median(taken) - 1.0)
        for arm, taken in cell.seconds.items()
    ]


def grid_regrets(net: Staged) -> list[float]:
    """Over every rate and slow-down, composed; the best way is chosen on half of the turns."""
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


def grid_row(what: str, regrets: list[float]) -> Result:
    """Mean, 95th percentile and largest; no bar, for nothing of it was run end to end."""
    return {
        "what": f"{what}: regret over {len(regrets)} cells: mean, p95, largest",
        "hits": sum(one == 0.0 for one in regrets),
        "regret_pct": round(100 * float(np.mean(regrets)), 3),
        "p95": round(100 * p95(regrets), 3),
        "max": round(100 * max(regrets), 3),
    }


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return float(np.percentile(values, 95))
