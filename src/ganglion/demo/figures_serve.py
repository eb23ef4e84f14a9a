"""Pictures of serving: how long answers took, and where they left."""

from __future__ import annotations

from collections.abc import Sequence

from .figures import LEFT, LETTER, RIGHT, Scale, across, box, decades, figure, legend, missing, path, text, upwards
from .figures_table import Result, by_tier, comparable
from .figures_text import count, percent, plural, quantity

ZONES = ("device", "edge", "cloud")
PLOT = 200.0
BAR = 40.0  # height of a stacked bar with its name


def latencies(result: Result) -> str:
    """Which share of answers took at most so long, per way to serve."""
    name, title = "latency", "How long answers took"
    caption = "Share of answers that took at most so long, for each way to serve; the time axis is logarithmic."
    seen = result["series"]["latency_ms"]
    order = dict.fromkeys([*(row["name"] for row in result["table"]), *sorted(seen)])
    arms = {arm: sorted(seen[arm]) for arm in order if seen.get(arm) and comparable(arm)}
    if not arms:
        return missing(name, title, caption)
    low = max(min(took[0] for took in arms.values()) * 0.9, 1e-3)
    scale = Scale(low, max(max(took[-1] for took in arms.values()) * 1.1, 2 * low), LEFT, RIGHT, log=True)
    top = 34.0
    height = Scale(0.0, 1.0, top + PLOT, top)
    axes = across(scale, decades(scale.low, scale.high), top + PLOT, top, "milliseconds")
    shares = [(0.0, "0"), (0.25, "25"), (0.5, "50"), (0.75, "75"), (0.95, "95")]
    axes += upwards(height, shares, "answers, percent")
    lines = [path(_staircase(took, scale, height), f"line-{place}") for place, took in enumerate(arms.values())]
    key, end = legend([(f"line-{place}", arm) for place, arm in enumerate(arms)], top + PLOT + 52)
    told = [f"{arm}: half within {_at(took, 0.5)} ms, 95 % within {_at(took, 0.95)} ms" for arm, took in arms.items()]
    return figure(name, title, (axes + "".join(lines) + key, end - 8), caption, "; ".join(told) + ".")


def ways(result: Result) -> str:
    """Where answers left, per way to serve."""
    rows = [(row["name"], [row["samples"] * share for share in row["shares"]]) for row in result["table"]]
    caption = "Share of the answers that left at a device, at an edge and in the cloud, for each way to serve."
    return _stacked("ways", "Where answers left, per way to serve", rows, caption)


def tiers(result: Result) -> str:
    """Where answers left, per privacy tier of the mixed streams."""
    rows = [(tier, list(left)) for tier, left in by_tier(result) if sum(left)]
    caption = "Share of the answers that left at a device, at an edge and in the cloud, for each privacy tier."
    return _stacked("tiers", "Where answers left, per privacy tier", rows, caption)


def _staircase(took: Sequence[float], scale: Scale, height: Scale) -> list[tuple[float, float]]:
    """Level, then up, at each answer; answers less than half a pixel apart go up together."""
    corners = [(scale(took[0]), height(0.0))] * 2
    for place, value in enumerate(took, 1):
        x, y = scale(value), height(place / len(took))
        before_x, before_y = corners[-1]
        if x - before_x < 0.5:
            corners[-1] = (before_x, y)
        else:
            corners += [(x, before_y), (x, y)]
    return corners


def _at(took: Sequence[float], share: float) -> str:
    return quantity(took[min(int(share * len(took)), len(took) - 1)])


def _stacked(name: str, title: str, rows: Sequence[tuple[str, Sequence[float]]], caption: str) -> str:
    """Horizontal bars of device, edge and cloud; each row's three numbers add up to its answers."""
    if not rows:
        return missing(name, title, caption)
    start = 12.0
    scale = Scale(0.0, 100.0, start, RIGHT)
    parts, told = [], []
    for place, (words, left) in enumerate(rows):
        whole, y, x = sum(left) or 1.0, 16 + place * BAR, start
        parts.append(text(start, y, words) + text(RIGHT, y, plural(round(sum(left)), "answer"), "tick", "end"))
        for zone, part in zip(ZONES, left, strict=True):
            width = scale(100 * part / whole) - start
            parts.append(box(x, y + 5, width, 17, f"fill-{zone}"))
            share = percent(part / whole, 0)
            if width > LETTER * len(share) + 4:
                parts.append(text(x + width / 2, y + 18, share, f"on-{zone} inside", "middle"))
            x += width
        told.append(f"{words}: " + ", ".join(f"{count(n)} at {zone}" for zone, n in zip(ZONES, left, strict=True)))
    bottom = 6 + len(rows) * BAR
    axis = across(scale, [0, 25, 50, 75, 100], bottom, 0, "answers, percent")
    key, end = legend([(f"fill-{zone}", zone) for zone in ZONES], bottom + 52, start)
    return figure(name, title, (axis + "".join(parts) + key, end - 8), caption, "; ".join(told) + ".")
