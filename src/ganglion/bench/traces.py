"""Following a changing link: a split model's way re-chosen from what was sent, against fixed ways and clairvoyance."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ..core.errors import NotFound
from ..watch import Replan, Way, Ways
from .traces_live import Pace, live
from .traces_read import Trace, read, read_all, synthetic
from .traces_replay import Conditions, clairvoyant, follow

PERIOD_S = 0.25
SHORTEST_S, LONGEST_S = 100.0, 300.0
SWITCH_S = 0.02  # of a change: both cuts are warm, the first request of the new one is slower
DELAY_S = 0.03  # there and back
# A network of 0.3 s on a Raspberry-Pi-class device and 20 ms on a server: all here; up to two thirds of it here and a
# 4-bit compressed tensor; a picture as JPEG there. The sizes are those of 96 x 14 x 14 numbers and of 224 x 224 pixels.
WAYS = (Way("device", 0.300), Way("split", 0.200, 0.006, 5_000.0), Way("cloud", 0.010, 0.020, 20_000.0))
# Every trace of Riiser et al. 2013 (3G, on the move, Norway) of at least 100 s on which the clairvoyant changes at
# least five times and the best fixed way loses at least a tenth.
NAMED = tuple(
    f"cooked_3gp/norway_{kind}_{number}"
    for kind, numbers in {
        "bus": (11, 12, 14),
        "ferry": (4, 20),
        "metro": (4, 9, 10),
        "train": (1, 2, 7),
        "tram": (10, 11, 14, 17, 18, 20, 21, 31, 38, 39, 40, 42, 46, 49, 51, 52, 53, 54),
    }.items()
    for number in numbers
)
LIVE = (NAMED[0], "cooked_3gp/norway_metro_10", "cooked_3gp/norway_train_1")  # played over a real link, too
LIVE_REQUESTS, STRETCH = 240, 20  # requests, and of a stretch over which differences are averaged
# Their rates jump from one reading to the next, seconds apart: printed beside, without a bar.
OTHERS = {"fcc": "fcc_ori/", "puffer": "puffer_220218/"}
LEAST_CHANGES, LEAST_LOSS = 5, 0.10  # what makes a trace one to follow at all
MOST_REGRET, LEAST_GAP, MOST_CHANGES = 0.05, 0.70, 2.0
Result = dict[str, Any]


def run(quick: bool, seed: int) -> Result:
    """Named traces of the data sets; quick: seeded ones, which need no data. Raises NotFound without data."""
    ways = Ways.of(WAYS, DELAY_S)
    if quick:
        rows = [_row(trace, ways) for trace in _synthetic(seed, ways)]
        rows.append(_total(rows))
    else:
        folder = _data()
        rows = [_row(trace, ways) for trace in read(folder, NAMED)]
        rows.append(_total(rows))
        rows += [_other(name, folder, start, ways) for name, start in OTHERS.items()]
        rows += [_live(trace, ways) for trace in read(folder, LIVE)]
    return {"rows": rows, "ok": all(row["ok"] for row in rows if "ok" in row)}


def _data() -> Path:
    folder = os.environ.get("GANGLION_DATA")
    if not folder:
        raise NotFound("GANGLION_DATA is not set: the traces are read from that folder; set it, or use --quick")
    return Path(folder)


def _other(name: str, folder: Path, start: str, ways: Ways) -> Result:
    """Means over all traces of another set on which there is something to follow."""
    played = [_row(trace, ways) for trace in read_all(folder, start) if trace.lap_s >= SHORTEST_S]
    rows = [row for row in played if _worth(row)]
    total = _total(rows)
    return {key: value for key, value in total.items() if key not in ("ok", "bar")} | {"trace": f"{name}, {len(rows)}"}


def _synthetic(seed: int, ways: Ways) -> list[Trace]:
    """The first 20 on which there is something to follow; that they are so is not for the policy to say."""
    made = (synthetic(seed, number) for number in range(200))
    return [trace for trace in made if _worth(_row(trace, ways))][:20]


def _live(trace: Trace, ways: Ways) -> Result:
    """The trace's beginning over real links, followed and by each way alone at the same time, and on the virtual clock.

    The spread is two standard errors of the mean difference to the best way alone, over stretches of a few seconds.
    """
    conditions = Conditions.of(trace, ways, PERIOD_S, LIVE_REQUESTS)
    best_s, best_changes = clairvoyant(conditions.seconds, SWITCH_S)
    virtual = follow(conditions, Replan(ways, switch_s=SWITCH_S))
    ours, *fixed = live(trace, ways, Pace(PERIOD_S, LIVE_REQUESTS, SWITCH_S))
    best = min(fixed, key=lambda run: float(run.seconds.mean()))
    apart = (ours.seconds - best.seconds).reshape(-1, STRETCH).mean(1)
    spread_s = 2 * float(apart.std(ddof=1)) / len(apart) ** 0.5
    worse_s = float(apart.mean())
    row: Result = {"trace": f"{trace.name.rpartition('/')[2]}, live", "requests": LIVE_REQUESTS}
    row |= {"fixed_ms": 1e3 * float(best.seconds.mean()), "clairvoyant_ms": 1e3 * best_s}
    row |= {"ours_ms": 1e3 * float(ours.seconds.mean()), "worse_ms": 1e3 * worse_s, "spread_ms": 1e3 * spread_s}
    row |= {
        f"{way.name}_ms": 1e3 * float(run.seconds.mean()) for way, run in zip(ways.ways, fixed, strict=True)
    }  # fmt: skip
    row |= {"clairvoyant_changes": best_changes, "changes": ours.changes, "probes": ours.probes}
    row |= {"virtual_ms": 1e3 * virtual.mean_s, "virtual_changes": virtual.changes}
    row |= {"alone": ours.alone, "lost": ours.lost, "bar": "lost = 0, not worse than the best fixed way by the spread"}
    return row | {"ok": ours.lost == 0 and worse_s <= spread_s}


def _worth(row: Result) -> bool:
    return bool(row["clairvoyant_changes"] >= LEAST_CHANGES and row["fixed_loss"] >= LEAST_LOSS)


def _row(trace: Trace, ways: Ways) -> Result:
    requests = int(min(trace.lap_s, LONGEST_S) / PERIOD_S)
    conditions = Conditions.of(trace, ways, PERIOD_S, requests)
    best_s, best_changes = clairvoyant(conditions.seconds, SWITCH_S)
    ours = follow(conditions, Replan(ways, switch_s=SWITCH_S))
    fixed_s = conditions.fixed_s
    row: Result = {
        "trace": trace.name.rpartition("/")[2],
        "requests": requests,
        "fixed_ms": 1e3 * fixed_s,
        "clairvoyant_ms": 1e3 * best_s,
        "ours_ms": 1e3 * ours.mean_s,
        "fixed_loss": fixed_s / best_s - 1,
        "regret": ours.mean_s / conditions.least_s - 1,
        "gap_closed": (fixed_s - ours.mean_s) / max(fixed_s - best_s, 1e-9),
        "clairvoyant_changes": best_changes,
        "changes": ours.changes,
        "probes": ours.probes,
    }
    return row | {"ok": _worth(row)}


def _total(rows: list[Result]) -> Result:
    """The bars: on the mean regret, on the gap over all requests, and on changes of each trace."""
    mean = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key not in ("trace", "ok")}
    gaps = [row["fixed_ms"] - row["clairvoyant_ms"] for row in rows]
    closed = float(np.sum([row["fixed_ms"] - row["ours_ms"] for row in rows]) / np.sum(gaps))
    most = max(row["changes"] / row["clairvoyant_changes"] for row in rows)
    ok = mean["regret"] <= MOST_REGRET and closed >= LEAST_GAP and most <= MOST_CHANGES and len(rows) >= 20
    bar = f"regret <= {MOST_REGRET:g}, gap >= {LEAST_GAP:g}, changes <= {MOST_CHANGES:g} x clairvoyant's; >= 20 traces"
    return {"trace": "all", **mean, "gap_closed": closed, "most_changes": most, "bar": bar, "ok": ok}
