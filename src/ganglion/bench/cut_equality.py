"""Any cut of any network answers as the whole: torch parts to the bit, ONNX Runtime parts within rounding.

Both whole and parts are rewritten by ONNX Runtime as nodes serve them; what a cut parts, only the whole can join.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np

from ..core.cut import random_cut
from ..core.rng import stream
from ..engine.onnx.captured import Captured
from .kept import Kept
from .networks import FOLDER, FULL, NARROW, inputs, names, network

READS = (
    *("core/cut.py", "core/model.py", "core/rng.py", "bench/networks.py", str(FOLDER)),
    *("engine/capture.py", "engine/free.py", "engine/stages.py", "engine/onnx"),
    *(f"engine/torch/{part}.py" for part in ("captured", "cut", "kernels", "program", "threads")),
)
PLACES = (2, 3)
CUTS, QUICK_CUTS = 24, 6
ROUNDING = 2e-6  # of the largest output
Row = dict[str, Any]
log = logging.getLogger("ganglion.bench")


def run(quick: bool, seed: int) -> Row:
    """Every network, random downward-closed cuts over two and three places. Quick: narrow networks and fewer cuts.

    A network that was cut before by this code with this seed is not cut again, unless it is the quick run.
    """
    kept = None if quick else Kept("cut_equality", seed, READS)
    rows = []
    for name in names():
        row = (kept and kept.get(name)) or _network(name, quick, seed)
        if kept is not None:
            kept.put(name, row)
        log.info("%s: %s", name, "equal" if row["ok"] else "not equal")
        rows.append(row)
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _network(name: str, quick: bool, seed: int) -> Row:
    began = time.perf_counter()
    made = network(name).capture(NARROW if quick else FULL, seed, fixed=quick)
    caught = time.perf_counter()
    cuts = QUICK_CUTS if quick else CUTS
    bits = _torch(made, cuts, seed, name)
    onnx = _onnx(made, cuts, seed, name)
    seconds = {"capture_s": round(caught - began, 2), "s": round(time.perf_counter() - began, 2)}
    ok = bits["torch_equal"] == bits["torch_cuts"] and onnx["worst"] <= ROUNDING and onnx["crossing_as_planned"]
    return {"network": name, "kernels": len(made.model.kernels), **bits, **onnx, **seconds, "ok": ok}


def _torch(made: Captured, cuts: int, seed: int, name: str) -> Row:
    """Cuts of the traced graph whose every output has the whole's bits."""
    graph, batch = made.source, inputs(made, seed)
    whole = graph.run(batch)
    equal = 0
    for places in PLACES:
        for turn in range(cuts):
            cut = random_cut(graph.model, places, stream(seed, "torch", name, places, turn))
            found = graph.open(graph.cut(cut, places))(batch).outputs
            equal += all(_bits(found[key]) == _bits(value) for key, value in whole.items())
    return {"torch_cuts": len(PLACES) * cuts, "torch_equal": equal}


def _bits(tensor: Any) -> bytes:
    return np.asarray(tensor).tobytes()


def _onnx(made: Captured, cuts: int, seed: int, name: str) -> Row:
    """Cuts of the ONNX graph, run as nodes serve them: the largest difference, what crossed, how long cutting takes."""
    batch = inputs(made, seed)
    whole = made.run(batch).outputs
    apart: list[float] = []
    crossed: list[int] = []
    spent_s, planned = 0.0, True
    for places in PLACES:
        for turn in range(cuts):
            cut = random_cut(made.model, places, stream(seed, "onnx", name, places, turn))
            began = time.perf_counter()
            parts = made.cut(cut, places)
            spent_s += time.perf_counter() - began
            ran = made.open(parts)(batch)
            apart.append(max(_apart(ran.outputs[key], value) for key, value in whole.items()))
            crossed += [len(link) for link in ran.crossed]
            links = enumerate(ran.crossed)
            planned &= all(made.kernels_of(link) == set(cut.crossing(made.model, number)) for number, link in links)
    return {
        "onnx_cuts": len(PLACES) * cuts,
        "onnx_equal": sum(one == 0 for one in apart),
        "worst": max(apart),
        "cut_ms": round(1e3 * spent_s / len(PLACES) / cuts, 2),
        "crossing_p50": int(np.median(crossed)),
        "crossing_most": max(crossed),
        "crossing_as_planned": planned,
    }


def _apart(found: Any, whole: Any) -> float:
    """The largest difference, as a share of the whole's largest value."""
    most = max(float(np.abs(whole).max()), float(np.finfo(np.float32).tiny))
    return float(np.abs(np.asarray(found, np.float64) - np.asarray(whole, np.float64)).max()) / most
