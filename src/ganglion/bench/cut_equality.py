"""Any cut of any network answers as the whole: torch parts to the bit, ONNX Runtime parts within rounding."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from ..core.cut import random_cut
from ..core.rng import stream
from ..engine.onnx.captured import Captured
from .networks import FULL, NARROW, inputs, names, network

PLACES = (2, 3)
CUTS, QUICK_CUTS = 24, 6
ROUNDING = 2e-6  # of the largest output: a runtime may fuse within the whole what a cut parts
LEVEL = "all"  # ONNX Runtime's optimisations, for the whole and for parts
Row = dict[str, Any]


def run(quick: bool, seed: int) -> Row:
    """Every network, random downward-closed cuts over two and three places. Quick: narrow networks and fewer cuts."""
    rows = [_network(name, quick, seed) for name in names()]
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
    return {"network": name, "kernels": len(made.model.kernels), **bits, **onnx, "level": LEVEL, **seconds, "ok": ok}


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
    """Cuts of the ONNX graph: the largest difference, what crossed, how long cutting takes."""
    batch = inputs(made, seed)
    whole = made.run(batch).outputs
    worst, crossed, exact, spent_s, planned = 0.0, [], 0, 0.0, True
    for places in PLACES:
        for turn in range(cuts):
            cut = random_cut(made.model, places, stream(seed, "onnx", name, places, turn))
            began = time.perf_counter()
            parts = made.cut(cut, places)
            spent_s += time.perf_counter() - began
            found = made.open(parts)(batch)
            apart = max(_apart(found.outputs[key], value) for key, value in whole.items())
            worst, exact = max(worst, apart), exact + (apart == 0)
            crossed += [len(link) for link in found.crossed]
            links = enumerate(found.crossed)
            planned &= all(made.kernels_of(link) == set(cut.crossing(made.model, number)) for number, link in links)
    total = len(PLACES) * cuts
    return {
        "onnx_cuts": total,
        "onnx_equal": exact,
        "worst": worst,
        "cut_ms": round(1e3 * spent_s / total, 2),
        "crossing_p50": int(np.median(crossed)),
        "crossing_most": max(crossed),
        "crossing_as_planned": planned,
    }


def _apart(found: Any, whole: Any) -> float:
    """The largest difference, as a share of the whole's largest value."""
    most = max(float(np.abs(whole).max()), float(np.finfo(np.float32).tiny))
    return float(np.abs(np.asarray(found, np.float64) - np.asarray(whole, np.float64)).max()) / most
