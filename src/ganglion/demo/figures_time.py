"""Pictures over time: the steps of the loop with what happened in them, and accuracy at each site."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from ..core.binomial import clopper_pearson
from .figures import (
    LEFT,
    LETTER,
    RIGHT,
    Scale,
    across,
    box,
    figure,
    legend,
    line,
    missing,
    numbered,
    path,
    steps,
    text,
    upwards,
)
from .figures_table import Result
from .figures_text import escaped, percent, seconds

Bin = Sequence[float]  # seconds, accuracy, samples
STEP_ROW = 34.0
PLOT = 190.0  # height of the accuracy plot


def timeline(result: Result) -> str:
    """Steps as bars, events as numbers."""
    name, title = "timeline", "The loop over time"
    caption = "Each bar is a step of the script, from its begin to its end; the numbers are the events listed below."
    if not result["steps"]:
        return missing(name, title, caption)
    scale, times_s = _clock(result), [at_s for at_s, _ in _events(result)]
    parts = []
    for row, step in enumerate(result["steps"]):
        began, ended = scale(step["began_s"]), scale(_end(step, scale))
        words = f"{step['name']}, {seconds(_end(step, scale) - step['began_s'])}"
        fits = began + LETTER * len(words) < RIGHT
        y = 16 + row * STEP_ROW
        parts.append(text(began, y, words) if fits else text(RIGHT, y, words, anchor="end"))
        parts.append(box(began, y + 5, max(ended - began, 2), 11, "fill-0"))
    bottom = 10 + len(result["steps"]) * STEP_ROW
    axis = across(scale, steps(scale.low, scale.high), bottom, 0, "seconds since the start")
    marks, height = numbered(times_s, scale, bottom + 52, bottom + 43)
    told = [f"{s['name']} from {seconds(s['began_s'])} to {seconds(_end(s, scale))}" for s in result["steps"]]
    return figure(name, title, (axis + "".join(parts) + marks, height), caption, "; ".join(told) + ".")


def events(result: Result) -> str:
    """What the numbers of both pictures mean."""
    rows = "".join(f"<li><b>{seconds(at_s)}</b> {escaped(words)}</li>" for at_s, words in _events(result))
    return f'<ol class="events">{rows}</ol>' if rows else ""


def accuracy(result: Result) -> str:
    """Accuracy per site with its interval, and the events."""
    name, title = "accuracy", "Accuracy over time, per site"
    caption = (
        "Accuracy of the answers in each span of time at each site; the band is its 95 % interval, "
        "and the numbers are the events of the timeline."
    )
    series = {site: bins for site, bins in sorted(result["series"]["accuracy"].items()) if bins}
    if not series:
        return missing(name, title, caption)
    scale, times_s = _clock(result), [at_s for at_s, _ in _events(result)]
    top = 34.0
    height = Scale(0.0, 1.0, top + PLOT, top)
    axes = across(scale, steps(scale.low, scale.high), top + PLOT, top, "seconds since the start")
    axes += upwards(height, [(at / 4, str(25 * at)) for at in range(5)], "accuracy, percent")
    marks, below = numbered(times_s, scale, top + PLOT + 52, top)
    lines = "".join(_site(bins, place, scale, height) for place, bins in enumerate(series.values()))
    key, end = legend([(f"line-{place}", site) for place, site in enumerate(series)], below + 8)
    alternative = "; ".join(_told(site, bins) for site, bins in series.items()) + "."
    return figure(name, title, (marks + axes + lines + key, end - 8), caption, alternative)


def _site(bins: Sequence[Bin], place: int, scale: Scale, height: Scale) -> str:
    span = min((b[0] - a[0] for a, b in itertools.pairwise(bins)), default=1.0)
    runs: list[list[Bin]] = []
    for last, one in zip([None, *bins[:-1]], bins, strict=True):
        if last is None or one[0] - last[0] > 1.5 * span:  # nobody was answered in between: no line across
            runs.append([])
        runs[-1].append(one)
    return "".join(_run(run, place, span, scale, height) for run in runs)


def _run(run: Sequence[Bin], place: int, span: float, scale: Scale, height: Scale) -> str:
    xs = [scale(min(at_s + span / 2, scale.high)) for at_s, _, _ in run]
    ys = [height(right) for _, right, _ in run]
    sure = [clopper_pearson(round(right * n), int(n)) if n >= 1 else (0.0, 1.0) for _, right, n in run]
    lower = [(x, height(low)) for x, (low, _) in zip(xs, sure, strict=True)]
    upper = [(x, height(high)) for x, (_, high) in zip(xs, sure, strict=True)]
    if len(run) == 1:
        dot = box(xs[0] - 2.5, ys[0] - 2.5, 5, 5, f"fill-{place}")
        return line(xs[0], lower[0][1], xs[0], upper[0][1], f"line-{place} thin") + dot
    return path(upper + lower[::-1], f"band-{place}", closed=True) + path(
        list(zip(xs, ys, strict=True)), f"line-{place}"
    )


def _told(site: str, bins: Sequence[Bin]) -> str:
    worst = min(bins, key=lambda one: one[1])
    first, low, last = percent(bins[0][1]), percent(worst[1]), percent(bins[-1][1])
    return f"{site}: {first} at {seconds(bins[0][0])}, lowest {low} at {seconds(worst[0])}, {last} at the end"


def _clock(result: Result) -> Scale:
    times = [at_s for step in result["steps"] for at_s in (step["began_s"], step["ended_s"])]
    times += [at_s for at_s, _ in result["series"]["events"]]
    times += [one[0] for bins in result["series"]["accuracy"].values() for one in bins]
    low = min((step["began_s"] for step in result["steps"]), default=min(times))
    return Scale(low, max(*times, low + 1.0), LEFT, RIGHT)


def _events(result: Result) -> list[tuple[float, str]]:
    return sorted(((at_s, words) for at_s, words in result["series"]["events"]), key=lambda event: event[0])


def _end(step: Mapping[str, Any], scale: Scale) -> float:
    """A step that did not end, because something failed in it, lasts until the end."""
    return float(step["ended_s"]) if step["ended_s"] >= step["began_s"] else scale.high
