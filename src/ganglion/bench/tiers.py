"""Exits at device, edge and cloud: bytes and accuracy against sent pictures, and what a lost camera or tier costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.torch.branch_fit import answers
from ..infer.risk import FixedSequence, choose, classified
from .exits import ALEXNET
from .exits_data import Parts, parts
from .exits_nets import Recipe, trained
from .exits_risk import LEVEL
from .exits_rows import CALIBRATED, prefixed, row
from .exits_run import Cut, cut
from .tiers_pictures import QUALITIES, Coded, coded
from .tiers_run import Travelled, everywhere, fused, travel, views

Result = dict[str, Any]
SEEDS = 3
TIERS = Recipe("exits_tiers", "tiers", 5, (0.3, 0.5, 1.0), parent=ALEXNET, rate=1e-3)
SMALL = Recipe("exits_alexnet", "build", 12, (0.3, 0.5, 1.0), 0.25)
SMALL_TIERS = Recipe("exits_tiers", "tiers", 12, (0.3, 0.5, 1.0), parent=SMALL)
RISK = 0.02  # of an answer at device or edge that is wrong where the cloud's would be right
FEWER, LOSS, QUICK_LOSS = 20.0, 0.01, 0.05
PLACES = ("device", "edge", "cloud")


def run(quick: bool, seed: int) -> Result:
    """CIFAR-10-JPEG over seeds; quick: a narrow network on bundled digits. Raises NotFound without the data."""
    if quick:
        rows = _quick(seed)
    else:
        made = [_seed(ALEXNET, TIERS, parts("cifar10", one), one) for one in range(seed, seed + SEEDS)]
        rows = [one for measured in made for one in prefixed(f"seed {measured.seed}", measured.rows)]
        rows += prefixed("mean", _bars(made))
    return {"rows": rows, "ok": all(one.get("ok") is not False for one in rows)}


@dataclass(frozen=True, eq=False)
class Measured:
    """One seed."""

    seed: int
    rows: list[Result]
    accuracy: float
    cloud: float  # accuracy of the cloud model on whole pictures
    sent: tuple[float, ...]  # mean bytes on each link
    raw: float  # bytes of a picture
    jpeg: float  # mean bytes at the same accuracy, to LOSS, heads left out
    same: float  # share of answers that packing does not change


def _quick(seed: int) -> list[Result]:
    made = _seed(SMALL, SMALL_TIERS, parts("digits32", seed), seed)
    fewer = made.raw / max(made.sent)
    return [
        *made.rows,
        row("raw bytes over the busier link's", fewer, f">= {FEWER:g}", fewer >= FEWER),
        row("accuracy minus the cloud model's", made.accuracy - made.cloud, f">= -{QUICK_LOSS:g}",
            made.accuracy - made.cloud >= -QUICK_LOSS),
        row("answers that packing leaves as they are", made.same, ">= 0.99", made.same >= 0.99),
    ]  # fmt: skip


def _seed(whole: Recipe, tiers: Recipe, data: Parts, seed: int) -> Measured:
    first, rest = data.held.take(slice(0, CALIBRATED)), data.held.take(slice(CALIBRATED, None))
    rest = rest if len(rest.y) else first
    alone = _exported(whole, data, seed)
    made = _exported(tiers, data, seed)
    chosen = choose(classified(everywhere(made, rest.x), rest.y), RISK, FixedSequence(LEVEL))
    through = travel(made, data.test.x, chosen.at)
    right = through.right(data.test.y)
    unpacked = made.says(data.test.x)
    at = classified(unpacked, data.test.y).exits(chosen.at)
    same = float((np.stack(unpacked).argmax(-1)[at, np.arange(len(at))] == through.says).mean())
    accuracy = float((alone.says(data.test.x)[-1].argmax(-1) == data.test.y).mean())
    least = min(right, accuracy) - LOSS  # pictures may lose what the tiers may
    pictures = _pictures(alone, data, least)
    raw = float(data.test.pixels[0].size)
    rows = [
        row("accuracy, thresholds", f"{right:.4f}, {', '.join(f'{one:.4f}' for one in chosen.at)}"),
        row("answered at device, edge, cloud", ", ".join(f"{one:.3f}" for one in through.shares(3))),
        row("bytes per sample to edge, to cloud", ", ".join(f"{one:.1f}" for one in through.bytes_up)),
        row("bytes of a picture as uint8", raw),
        *_sent_instead(pictures, least),
        *_lost(made, through, data, chosen.at, seed),
    ]
    rows.insert(1, row("accuracy of the cloud model on whole pictures", accuracy))
    fair = [one.mean_bytes for one, accurate in pictures if accurate >= least and one.how.startswith("JPEG")]
    jpeg = min(fair, default=raw)
    return Measured(seed, rows, right, accuracy, through.bytes_up, raw, jpeg, same)


def _exported(recipe: Recipe, data: Parts, seed: int) -> Cut:
    first = data.held.take(slice(0, CALIBRATED))
    module = trained(recipe, data.train.x, data.train.y, seed)
    return cut(module, answers(module, first.x), first.y, first.x)


def _pictures(alone: Cut, data: Parts, accuracy: float) -> list[tuple[Coded, float]]:
    """Pictures coded ever smaller, and what the cloud model makes of them, down to the first that is less accurate."""
    found: list[tuple[Coded, float]] = []
    for form in ("JPEG", "WEBP"):
        for quality in QUALITIES:
            one = coded(data.test.pixels, form, quality)
            x = one.pixels.astype(np.float32) * np.float32(1 / 255)
            right = float((alone.says(x)[-1].argmax(-1) == data.test.y).mean())
            found.append((one, right))
            if right < accuracy:
                break
    return found


def _sent_instead(pictures: Sequence[tuple[Coded, float]], accuracy: float) -> list[Result]:
    rows = []
    for form in ("JPEG", "WEBP"):
        fair = [(one, right) for one, right in pictures if one.how.startswith(form) and right >= accuracy]
        said = "none is as accurate"
        if fair:
            one, right = min(fair, key=lambda pair: pair[0].mean_bytes)
            said = f"{one.mean_bytes:.1f} ({one.how}, {right:.4f})"
        rows.append(row(f"bytes of a {form} without heads, as accurate to {LOSS:g}", said))
    return rows


def _lost(made: Cut, through: Travelled, data: Parts, thresholds: Sequence[float], seed: int) -> list[Result]:
    """What it costs when tiers or cameras are lost; nobody is left without an answer."""
    x, y = data.test.x, data.test.y
    right = through.right(y)
    rows = []
    for last, gone in ((1, "cloud"), (0, "edge and cloud")):
        still = travel(made, x, thresholds, last).right(y)
        rows.append(row(f"{gone} lost: accuracy, change", f"{still:.4f}, {still - right:+.4f}"))
    said = [everywhere(made, one) for one in views(x, seed)]
    for place, name in enumerate(PLACES):
        kept = [float((fused([one[place] for one in said[:many]]) == y).mean()) for many in (3, 2, 1)]
        rows.append(row(f"3, 2, 1 cameras, fused at the {name}", ", ".join(f"{one:.4f}" for one in kept)))
    return rows


def _bars(made: Sequence[Measured]) -> list[Result]:
    fewer = [one.raw / max(one.sent) for one in made]
    apart = [one.accuracy - one.cloud for one in made]
    jpeg = [max(one.sent) / one.jpeg for one in made]
    return [
        row("raw bytes over the busier link's, least of the seeds", min(fewer), f">= {FEWER:g}", min(fewer) >= FEWER),
        row("bytes of JPEG's at equal accuracy, most of the seeds", max(jpeg), "< 1", max(jpeg) < 1),
        row("accuracy minus the cloud model's", float(np.mean(apart)), f">= -{LOSS:g}", float(np.mean(apart)) >= -LOSS),
        row("… per seed", ", ".join(f"{one:+.4f}" for one in apart)),
    ]
