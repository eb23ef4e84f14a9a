"""What clients cost that are not asked: memory each, and time per round at one size of cohort."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from statistics import median
from typing import Any

import numpy as np

from ..core.compute import Sgd
from ..core.label import Tier
from ..core.sample import Examples
from ..learn import METHODS
from ..learn.select import Uniform
from ..train import Federation, Stop
from .fl_models import model

SIZES, QUICK = (1_000, 10_000, 100_000), (1_000, 10_000)
EACH, WIDTH = 4, 16  # examples of a client, and their features: the examples themselves are counted apart
COHORT, ROUNDS = 10, 120
IDLE_BYTES, SHARE = 1000.0, 0.20
TURNS = 5  # of all sizes; the least disturbed counts
FEW = 100  # clients: what the process takes anyway


def run(quick: bool, seed: int) -> dict[str, Any]:
    """Each size in a process of its own."""
    sizes = QUICK if quick else SIZES
    few = _measured(FEW, seed)
    found: dict[int, dict[str, float]] = {}
    for _ in range(1 if quick else TURNS):
        for size in sizes:
            one = _measured(size, seed)
            found[size] = {name: min(value, found.get(size, one)[name]) for name, value in one.items()}
    first = found[sizes[0]]["round_ms"]
    rows = []
    for size, one in found.items():
        idle = (one["rss_bytes"] - few["rss_bytes"] - (size - FEW) * EACH * (4 * WIDTH + 8)) / (size - FEW)
        apart = one["round_ms"] / first - 1.0
        span = SHARE if not quick else 1.0  # a busy core
        rows.append({"clients": size, "idle bytes each": idle, "round_ms": one["round_ms"], "against the fewest": apart,
                     "bar": f"<= {IDLE_BYTES:g} bytes, within {span:.0%}",
                     "ok": idle <= IDLE_BYTES and abs(apart) <= span})  # fmt: skip
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _measured(clients: int, seed: int) -> dict[str, float]:
    code = f"from ganglion.bench.fl_scale import measure; measure({clients}, {seed})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=900)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def measure(clients: int, seed: int) -> None:
    """Plays a job and writes the highest resident memory of this process and its median round."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((clients * EACH, WIDTH), np.float32)
    train = Examples(x, rng.integers(0, 4, clients * EACH), Tier.PUBLIC)
    parts = np.arange(clients * EACH).reshape(clients, EACH)
    strategy = METHODS["fedavg"](Sgd(0.05, 5, 2), Uniform(COHORT))
    ends: list[float] = []
    job = Federation(model(f"{WIDTH}-32-4"), train, list(parts), strategy, seed=seed, workers=0)
    job.run(Stop(ROUNDS, every=ROUNDS), tell=lambda played: ends.append(time.perf_counter()))
    round_ms = median(np.diff(ends).tolist()) * 1e3
    sys.stdout.write(json.dumps({"rss_bytes": _resident_bytes(), "round_ms": round_ms}) + "\n")


def _resident_bytes() -> int:
    """What the process holds now: what was only needed to make the job has gone back."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096
