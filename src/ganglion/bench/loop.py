"""The demo's end table over seeds, in the simulator: means with intervals, and the bars that are on means."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..core.rng import stream
from ..demo.invariants import MAX_FORGETTING
from ..demo.options import DemoOptions
from ..demo.project.drift import KINDS
from ..demo.run import good_releases, play
from ..watch import bootstrap

SEEDS = 5
GOOD_SEEDS = 20  # of releases that are neither better nor worse, on a fleet where nothing changes
RECOVERY = {"digits": 0.90, "mnist": 0.85}
LOSS = {"digits": 0.02, "mnist": 0.01}  # accuracy against the best single choice
BYTES_SHARE = 0.5
FIGURES = ("accuracy", "p50_ms", "p95_ms", "p99_ms", "up_bytes_per_answer")
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Result:
    """Digits over seeds and kinds of drift, MNIST over seeds where GANGLION_DATA names a folder that holds it.

    Quick is one seed and one kind, with the bars of a single run.
    """
    kinds, seeds = (KINDS[:1], [seed]) if quick else (KINDS, [seed + turn for turn in range(SEEDS)])
    rows: list[Result] = []
    runs: list[Result] = []
    with ProcessPoolExecutor(1 if quick else os.cpu_count()) as pool:
        for data, folder in _data_sets(quick):
            asked = [(data, folder, kind, one) for kind in _kinds(data, kinds) for one in seeds]
            everything = []
            for (_, _, kind, one), result in zip(asked, pool.map(_play, *zip(*asked, strict=True)), strict=True):
                everything.append(result)
                broken = [each["name"] for each in result["invariants"] if not each["holds"]]
                runs.append({"data": data, "drift": kind, "seed": one, "broken": broken})
                log.info("%s, %s, seed %d: %s", data, kind, one, "; ".join(broken) or "every invariant held")
            found = [*_ways(everything), *_bars(data, everything)]
            for kind in _kinds(data, kinds):
                found += _learning(data, kind, [one for one in everything if one["meta"]["drift"] == kind])
            rows += [{"data": data, **row} for row in found]
        rows.append(_promoted(list(pool.map(_good, range(seed, seed + (2 if quick else GOOD_SEEDS))))))
    return {"rows": rows, "runs": runs, "ok": all(row.get("ok") is not False for row in rows)}


def _data_sets(quick: bool) -> list[tuple[str, Path | None]]:
    folder = os.environ.get("GANGLION_DATA")
    more = [("mnist", Path(folder))] if folder and not quick else []
    return [("digits", None), *more]


def _kinds(data: str, kinds: tuple[str, ...]) -> tuple[str, ...]:
    return kinds if data == "digits" else kinds[:1]


def _play(data: str, folder: Path | None, kind: str, seed: int) -> Result:
    options = DemoOptions(sim=True, seed=seed, data=data, data_dir=folder, drift=kind)
    with tempfile.TemporaryDirectory(prefix="ganglion-bench-") as out:
        return play(options, Path(out), lambda words: None)


def _good(seed: int) -> bool:
    log.info("another good release, seed %d", seed)
    return good_releases(DemoOptions(sim=True, seed=seed))[-1]


def _promoted(kept: list[bool]) -> Result:
    what = "good releases promoted where nothing changes"
    return {
        "data": "digits",
        "what": what,
        "runs": len(kept),
        **_mean(float(one) for one in kept),
        "bar": ">= 0.95",
        "ok": sum(kept) >= 0.95 * len(kept),
    }


def _mean(values: Iterable[float]) -> dict[str, float]:
    """Mean and its 95 % interval over runs."""
    found = np.array(list(values), np.float64)
    around = bootstrap(found, stream(0, "bench loop"))
    return {"mean": around.value, "low": around.low, "high": around.high}


def _ways(results: list[Result]) -> list[Result]:
    """The end table: each way to serve, mean over all runs."""
    rows = []
    for name in [row["name"] for row in results[0]["table"]]:
        of = [row for result in results for row in result["table"] if row["name"] == name]
        rows += [{"what": f"{name}: {what}", "runs": len(of), **_mean(row[what] for row in of)} for what in FIGURES]
    return rows


def _bars(data: str, results: list[Result]) -> list[Result]:
    """What must hold over all runs."""

    def row(what: str, values: list[float], bar: str, holds: Callable[[list[float]], bool]) -> Result:
        return {"what": what, "runs": len(values), **_mean(values), "bar": bar, "ok": holds(values)}

    def of(name: str, what: str) -> list[float]:
        return [row[what] for result in results for row in result["table"] if row["name"] == name]

    ratio = [a / b for a, b in zip(of("ganglion", "p95_ms"), of("cloud-only", "p95_ms"), strict=True)]
    pairs = zip(of("ganglion", "up_bytes_per_answer"), of("cloud-only", "up_bytes_per_answer"), strict=True)
    share = [a / b for a, b in pairs]
    lost = [float(r["counts"]["lost"] + r["counts"]["undelivered"]) for r in results]
    twice = [float(r["counts"]["duplicated"] + r["counts"]["delivered_twice"]) for r in results]
    good = [float(one["kept"]) for r in results for one in r["releases"] if not one["bad"]]
    back = [float(not one["kept"]) for r in results for one in r["releases"] if one["bad"]]
    held = [float(all(one["holds"] for one in r["invariants"])) for r in results]
    return [
        row("p95 of cloud-only's", ratio, "< 1 in each run", lambda v: max(v) < 1),
        row("uplink bytes of cloud-only's", share, f"<= {BYTES_SHARE:g} in each run", lambda v: max(v) <= BYTES_SHARE),
        row(
            "accuracy minus the best single choice's",
            [r["paired"]["difference"] for r in results],
            f">= -{LOSS[data]:g} on the mean",
            lambda v: float(np.mean(v)) >= -LOSS[data],
        ),
        row("lost", lost, "0", lambda v: max(v) == 0),
        row("duplicated", twice, "0", lambda v: max(v) == 0),
        row("good releases kept", good, ">= 0.95", lambda v: float(np.mean(v)) >= 0.95),
        row("bad releases rolled back", back, "1", lambda v: min(v) == 1),
        row("runs in which every invariant held", held, "", lambda v: True),
    ]


def _learning(data: str, kind: str, results: list[Result]) -> list[Result]:
    """Detection and recovery for one kind of drift."""
    alarms = [float(r["drift"]["samples_to_alarm"] or np.inf) for r in results]
    false = [float(r["drift"]["false_alarms"]) for r in results]
    recovery = [r["drift"]["recovery"] for r in results]
    forgetting = [r["drift"]["forgetting"] for r in results]
    central = [r["drift"]["accuracy"]["central_drifted"] for r in results]
    frozen = [r["drift"]["accuracy"]["frozen_drifted"] for r in results]
    return [
        {
            "what": f"{kind}: samples to alarm",
            "runs": len(alarms),
            **_mean(alarms),
            "bar": "<= 200 each",
            "ok": max(alarms) <= 200,
        },
        {"what": f"{kind}: false alarms", "runs": len(false), **_mean(false), "bar": "0", "ok": max(false) == 0},
        {"what": f"{kind}: accuracy, frozen", "runs": len(frozen), **_mean(frozen)},
        {"what": f"{kind}: accuracy, trained centrally", "runs": len(central), **_mean(central)},
        {
            "what": f"{kind}: recovery",
            "runs": len(recovery),
            **_mean(recovery),
            "bar": f">= {RECOVERY[data]:g} on the mean",
            "ok": float(np.mean(recovery)) >= RECOVERY[data],
        },
        {
            "what": f"{kind}: forgetting",
            "runs": len(forgetting),
            **_mean(forgetting),
            "bar": f"<= {MAX_FORGETTING:g} on the mean",
            "ok": float(np.mean(forgetting)) <= MAX_FORGETTING,
        },
    ]
