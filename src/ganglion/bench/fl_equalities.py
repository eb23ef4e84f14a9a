"""What federated learning must not change: one client is central training, and bytes are the job's alone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..core.compute import Fit, Initial, Sgd
from ..core.errors import GanglionError
from ..core.label import PUBLIC_RAW, Tier
from ..core.ref import Ref
from ..core.rng import stream
from ..core.sample import Examples
from ..core.tensors import Tensors
from ..engine.torch import TorchEngine
from ..learn import METHODS
from ..learn.compress import named
from ..learn.partition import Dirichlet
from ..learn.select import Uniform
from ..train import Federation, Result, Stop
from .fl_equalities_worlds import levels, worlds
from .fl_models import model

MODELS = {"softmax": "784-10", "tiny": "784-32-10", "2nn": "784-200-200-10", "lenet": "lenet", "cnn": "cnn"}
QUICK = ("softmax", "tiny", "2nn", "lenet")
EXAMPLES = 480
Row = dict[str, Any]


def run(quick: bool, seed: int) -> dict[str, Any]:
    """Every model family of the federated benches; quick leaves out the largest."""
    names = QUICK if quick else tuple(MODELS)
    data = examples(seed)
    rows = [row for name in names for row in _central(name, data, seed)]
    rows += [_executors(name, data, seed) for name in names]
    rows += [row for name in METHODS if name != "fedbn" for row in _workers(name, data, seed)]
    rows += [row for name in ("dgc", "power_sgd", "qsgd") for row in _workers("fedavg", data, seed, name)]
    rows += [_arrivals(data, seed), _resumed(data, seed), *levels(), *([] if quick else worlds())]
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def examples(seed: int) -> Examples:
    """Noise with labels that half follow it."""
    rng = stream(seed, "fl equalities")
    y = rng.integers(0, 10, EXAMPLES)
    x = rng.normal(size=(EXAMPLES, 784)) + 2 * rng.normal(size=(10, 784))[y] / 28
    return Examples(x.astype(np.float32), y, Tier.PUBLIC)


def _job(made: str, method: str, data: Examples, seed: int, **more: Any) -> Federation:
    extra = {"parts": "3"} if method == "fedper" else {}
    strategy = METHODS[method](Sgd(0.05, 1, 10), Uniform(5), **extra)
    parts = Dirichlet(8, 0.5, 5)(data.y, stream(seed, "parts"))
    return Federation(model(MODELS[made]), data, parts, strategy, seed=seed, workers=0, held_out=0.2, alone=0.0, **more)


def _row(what: str, of: str, apart: float, bar: float) -> Row:
    """`apart` is the largest difference of a weight; nan where the bytes were compared and differ."""
    return {"what": what, "of": of, "apart": apart, "bar": f"<= {bar:g}" if bar else "same bytes", "ok": apart <= bar}


def _apart(one: Result | Tensors, other: Result | Tensors) -> float:
    a, b = (given.weights if isinstance(given, Result) else given for given in (one, other))
    return float(np.abs(a.flat - b.flat).max()) if a.digest() != b.digest() else 0.0


def _central(name: str, data: Examples, seed: int) -> Iterator[Row]:
    """One client with all the examples, against the same training without a round around it."""
    build, how = model(MODELS[name]), Sgd(0.05, 1, 10)
    alone = Federation(build, data, [np.arange(len(data))], METHODS["fedavg"](how), seed=seed, workers=0).run(Stop(1))
    for fuse, what, bar in ((True, "one client = central, same executor", 0.0), (False, "… other executor", 1e-5)):
        engine = TorchEngine(build, lambda ref: data, seed, fuse)
        start = engine.answer(Initial(("initial",)))
        asked = Fit(start, (Ref("all", 0, PUBLIC_RAW),), how, ("round", 0, "client", 0))
        central = engine.answer(asked).weights
        moved = start + (central - start)  # what travels is a difference
        yield _row(what, name, _apart(alone, moved), bar)


def _executors(name: str, data: Examples, seed: int) -> Row:
    fused, plain = (_job(name, "fedavg", data, seed, options={"fuse": fuse}).run(Stop(2)) for fuse in (True, False))
    return _row("fused = one by one", name, _apart(fused, plain), 1e-5)


def _workers(method: str, data: Examples, seed: int, compress: str = "") -> Iterator[Row]:
    asked = _job("tiny", method, data, seed)
    if compress:
        asked = replace(asked, strategy=replace(asked.strategy, compress=named(compress)))
    one = asked.run(Stop(3))
    apart = max(_apart(one, replace(asked, workers=count).run(Stop(3))) for count in (1, 2, 3))
    yield _row("1, 2 and 3 workers = none", compress or method, apart, 0.0)


def _arrivals(data: Examples, seed: int) -> Row:
    """The engine is asked in another order."""
    asked = _job("tiny", "fedavg", data, seed)
    held = {Ref(str(at), 0, PUBLIC_RAW): data.take(rows) for at, rows in enumerate(asked.parts)}
    engine = TorchEngine(asked.build, held.__getitem__, seed)
    start = engine.answer(Initial(("initial",)))
    fits = [Fit(start, (ref,), Sgd(0.05, 2, 10), ("c", ref.digest)) for ref in held]
    ahead, back = engine.answer_all(fits), engine.answer_all(fits[::-1])[::-1]
    if any(isinstance(one, GanglionError) for one in (*ahead, *back)):
        return _row("any order of arrival", "fedavg", float("nan"), 0.0)
    apart = max(_apart(one.weights, other.weights) for one, other in zip(ahead, back, strict=True))
    return _row("any order of arrival", "fedavg", apart, 0.0)


def _resumed(data: Examples, seed: int) -> Row:
    asked = _job("tiny", "scaffold", data, seed)
    straight = asked.run(Stop(4))
    with tempfile.TemporaryDirectory(prefix="ganglion-fl-") as folder:
        asked.run(Stop(2), Path(folder))
        resumed = asked.run(Stop(4), Path(folder))
    return _row("stopped and resumed", "scaffold", _apart(straight, resumed), 0.0)
