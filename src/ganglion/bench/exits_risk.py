"""Whether a stated risk is held on fresh data: thresholds chosen again and again on samples drawn from a population."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.rng import stream
from ..infer.risk import SCORES, Conformal, FixedSequence, Held, choose

DRAWS = 100
HOLDS = 95  # of them, at least
LEVEL = 0.99  # at 0.95 five of 100 drawings may break the risk, so that a bar of 95 would be missed every other time
MOST = 2000  # samples drawn each time

Result = dict[str, Any]


def kept(held: dict[str, Held], tested: dict[str, Held], risk: float, seed: int) -> list[Result]:
    """Per score, in how many of 100 drawings the chosen thresholds keep the risk on the whole population.

    The population is every sample that was not learnt from, so its risk is known exactly, and a drawing of it, with
    replacement, is a held-out set. A bar for those that are certified; a conformal choice keeps it on the mean alone.
    """
    rows: list[Result] = []
    for score in SCORES:
        everyone = _together(held[score], tested[score])
        risks = _risks(everyone, risk, FixedSequence(LEVEL), seed)
        holds = int((risks <= risk).sum())
        what = f"drawings of {min(MOST, len(everyone))} that keep a risk of {risk:g} by {score}, certified at {LEVEL:g}"
        bar = f">= {HOLDS} of {DRAWS}"
        rows.append({"what": what, "value": holds, "bar": bar, "ok": holds >= HOLDS})
    mean = float(_risks(_together(held["confidence"], tested["confidence"]), risk, Conformal(), seed).mean())
    rows.append({"what": f"mean risk of conformal choices for {risk:g}", "value": mean})
    return rows


def _risks(everyone: Held, risk: float, by: Any, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    found = []
    for draw in range(DRAWS):
        rows = stream(seed, "exits", "risk", draw).integers(len(everyone), size=min(MOST, len(everyone)))
        made = choose(everyone.take(rows), risk, by)
        found.append(float(everyone.losses(everyone.exits(made.at)).mean()))
    return np.array(found)


def _together(one: Held, other: Held) -> Held:
    return Held(np.concatenate([one.sure, other.sure], 1), np.concatenate([one.loss, other.loss], 1), one.relative)
