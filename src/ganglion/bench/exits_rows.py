"""One network with exits, measured: trained, its thresholds chosen on held-out samples, judged and raced on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.probability import softmax
from ..engine.torch.branch_fit import answers
from ..infer.risk import SCORES, FixedSequence, Held, choose, classified
from .exits_data import Part, Parts
from .exits_nets import Recipe, trained
from .exits_risk import LEVEL
from .exits_run import Cut, Raced, cut, race, time_exits

Result = dict[str, Any]
CALIBRATED = 500  # held-out samples for the temperatures; the others are for the thresholds


@dataclass(frozen=True, eq=False)
class Measured:
    """What came of one network."""

    thresholds: tuple[float, ...]
    accuracy: float  # with exits, on the test part
    each: tuple[float, ...]  # accuracy of every exit if it answered all
    shares: tuple[float, ...]
    lost: float
    mac_ratio: float
    raced: Raced
    differ: int  # test samples that, asked one by one, get another answer than from a table of all exits
    apart: float  # largest difference between exported stages and the module
    held: dict[str, Held]  # per score
    tested: dict[str, Held]

    @property
    def of_ceiling(self) -> float:
        """What part of the speed-up is left once deciding has cost what it does."""
        return self.raced.speedup / self.raced.ceiling


def row(what: str, value: Any, bar: str | None = None, ok: bool | None = None) -> Result:
    """One figure, with its bar if it has one."""
    made: Result = {"what": what, "value": value}
    return made if bar is None else made | {"bar": bar, "ok": ok}


def prefixed(net: str, rows: Sequence[Result]) -> list[Result]:
    """Rows of one network."""
    return [{"net": net, **one} for one in rows]


def measure(recipe: Recipe, data: Parts, risk: float, seed: int, rounds: int, timed: int) -> Measured:
    """Everything about one network with exits; `timed` test samples are raced for so many rounds."""
    module = trained(recipe, data.train.x, data.train.y, seed)
    first, rest = data.held.take(slice(0, CALIBRATED)), data.held.take(slice(CALIBRATED, None))
    if not len(rest.y):  # of a small data set all is for both
        first = rest = data.held
    logits = answers(module, first.x)
    made = cut(module, logits, first.y, first.x)
    whole = cut(module.trunk, logits[-1:], first.y, first.x)
    held, tested, said = _held(made, rest), _held(made, data.test), made.says(data.test.x)
    chosen = choose(held["confidence"], risk, FixedSequence(LEVEL))
    at = tested["confidence"].exits(chosen.at)
    right = np.stack([one.argmax(-1) == data.test.y for one in said])
    x = data.test.x[:timed]
    shares = tested["confidence"].shares(at)
    reach = 1.0 - np.cumsum([0.0, *shares[:-1]])
    return Measured(
        thresholds=chosen.at,
        accuracy=float(right[at, np.arange(len(at))].mean()),
        each=tuple(right.mean(1).tolist()),
        shares=shares,
        lost=float(tested["confidence"].losses(at).mean()),
        mac_ratio=sum(whole.flops) / float(np.dot(reach, made.flops)),
        raced=time_exits(made, whole.stages[0], x, chosen.at, rounds),
        differ=_differ(made, data.test.take(slice(0, timed)), chosen.at, at, said),
        apart=_apart(made, module, data.test.x[:timed]),
        held=held,
        tested=tested,
    )


def plain(made: Measured, recipes: Sequence[Recipe], data: Parts, seed: int) -> list[Result]:
    """Networks without exits in int8, the trunk itself among them, and which of them is as accurate and smallest."""
    rows: list[Result] = []
    best: tuple[int, str, float] | None = None
    first = data.held.take(slice(0, CALIBRATED))
    for recipe in recipes:
        module = trained(recipe, data.train.x, data.train.y, seed)
        module = getattr(module, "trunk", module)
        small = cut(module, answers(module, first.x), first.y, first.x, int8=True)
        right = float((small.says(data.test.x)[-1].argmax(-1) == data.test.y).mean())
        x = data.test.x[:500]
        seconds = race({"one": small.stages[0]}, {"one": [x[at : at + 1] for at in range(len(x))]}, 10)["one"]
        name = f"{recipe.make} {recipe.argument or ''}".strip()
        size = len(small.exported.weights)
        value = f"{right:.4f}, {1e6 * seconds:.1f}, {size}"
        rows.append(row(f"{name}: accuracy, us, bytes", value))
        if right >= made.accuracy and (best is None or size < best[0]):
            best = size, name, seconds
    said = f"{best[1]}, {1e6 * best[2]:.1f} us" if best else "none of these"
    return [*rows, row(f"smallest of equal accuracy, against {1e6 * made.raced.exits_s:.1f} us with exits", said)]


def accuracy(recipe: Recipe, data: Parts, seed: int) -> float:
    """Of a network's last exit on the test part."""
    said = answers(trained(recipe, data.train.x, data.train.y, seed), data.test.x)[-1]
    return float((said.argmax(-1) == data.test.y).mean())


def bars(every: Sequence[Measured], loss: float, speedup: float) -> list[Result]:
    """Means over seeds against the bars."""
    apart = [one.accuracy - one.each[-1] for one in every]
    faster = [one.raced.speedup for one in every]
    return [
        row(
            "accuracy minus the full network's", float(np.mean(apart)), f">= -{loss:g}", float(np.mean(apart)) >= -loss
        ),
        row("… per seed", ", ".join(f"{one:+.4f}" for one in apart)),
        row(
            "speed-up over the trunk alone",
            float(np.mean(faster)),
            f">= {speedup:g}",
            float(np.mean(faster)) >= speedup,
        ),
        row("… per seed", ", ".join(f"{one:.2f}" for one in faster)),
    ]


def _held(made: Cut, part: Part) -> dict[str, Held]:
    said = made.says(part.x)
    return {score: classified(said, part.y, score) for score in SCORES}


def _differ(made: Cut, part: Part, thresholds: Sequence[float], at: Any, said: Any) -> int:
    """Asked one by one on ONNX Runtime, against the table; classes and exits both count."""
    differ = 0
    for turn, one in enumerate(part.x):
        place, probabilities = made.answer(one[None], thresholds)
        table = said[at[turn]][turn]
        sure = abs(float(table.max()) - (thresholds[place] if place < len(thresholds) else 1.0)) > 1e-5
        differ += bool(sure and (place != at[turn] or probabilities.argmax() != table.argmax()))
    return differ


def _apart(made: Cut, module: Any, x: Any) -> float:
    """Probabilities of all stages in turn against the module's own, with the same temperatures."""
    temperatures = made.temperatures
    own = [softmax(logits, degrees) for logits, degrees in zip(answers(module, x), temperatures, strict=True)]
    return max(float(np.abs(a - b).max()) for a, b in zip(made.says(x), own, strict=True))
