"""A job's rounds as pictures: accuracy and bytes over rounds, as SVG in one page of HTML."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape

from .federation import Round

WIDTH, HEIGHT, EDGE = 640, 240, 48
COLOURS = ("#1f6feb", "#2da44e", "#cf222e", "#8250df", "#bf8700", "#1b7c83", "#6e7781", "#a40e26")
Line = tuple[str, list[tuple[float, float]]]


def page(title: str, rounds: Sequence[Round]) -> str:
    """One job's page."""
    return _html(title, curves(rounds))


def compared(title: str, runs: Mapping[str, Sequence[Round]]) -> str:
    """A page of several: how accurate each was, by round and by what its clients had sent by then."""
    by_round: list[Line] = []
    by_bytes: list[Line] = []
    for name, rounds in runs.items():
        up = list(itertools.accumulate(one.up_bytes / 1e6 for one in rounds))
        told = [(one, sent) for one, sent in zip(rounds, up, strict=True) if one.accuracy is not None]
        by_round.append((name, [(float(one.number), float(one.accuracy or 0.0)) for one, _ in told]))
        by_bytes.append((name, [(sent, float(one.accuracy or 0.0)) for one, sent in told]))
    return _html(title, [("accuracy by round", by_round), ("accuracy by megabytes sent up", by_bytes)])


def _html(title: str, found: Sequence[tuple[str, list[Line]]]) -> str:
    """The whole page; it loads nothing from elsewhere."""
    pictures = "\n".join(svg(name, lines) for name, lines in found if any(points for _, points in lines))
    style = "body{font:15px sans-serif;margin:2em auto;max-width:44em}"
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{style}</style>"
    return f"{head}<h1>{escape(title)}</h1>\n{pictures}</html>\n"


def curves(rounds: Sequence[Round]) -> list[tuple[str, list[Line]]]:
    """Each picture's name and lines."""
    kinds = (("test", "accuracy"), ("clients, mean", "clients_mean"), ("clients, worst tenth", "clients_worst"))
    told = [
        (name, [(float(one.number), value) for one in rounds if (value := getattr(one.judged, kind)) is not None])
        for name, kind in kinds
    ]
    up, down, moved = 0.0, 0.0, ([], [])  # type: tuple[float, float, tuple[list[tuple[float, float]], ...]]
    for one in rounds:
        up, down = up + one.up_bytes / 1e6, down + one.down_bytes / 1e6
        moved[0].append((float(one.number), up))
        moved[1].append((float(one.number), down))
    return [("accuracy", told), ("megabytes of tensors so far", [("up", moved[0]), ("down", moved[1])])]


def svg(name: str, lines: Sequence[Line]) -> str:
    """One picture; empty lines are left out."""
    shown = [(label, points) for label, points in lines if points]
    xs = [x for _, points in shown for x, _ in points]
    ys = [y for _, points in shown for _, y in points]
    low, high = (0.0, 1.0) if max(ys) <= 1.0 else (0.0, max(ys))
    first, last = min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1

    def place(x: float, y: float) -> str:
        across = EDGE + (x - first) / (last - first) * (WIDTH - 2 * EDGE)
        return f"{across:.1f},{HEIGHT - EDGE - (y - low) / (high - low) * (HEIGHT - 2 * EDGE):.1f}"

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="12">']
    parts.append(f'<text x="{EDGE}" y="20" font-weight="bold">{escape(name)}</text>')
    parts.append(f'<path d="M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#888"/>')
    parts += [f'<text x="4" y="{place(first, y).split(",")[1]}">{y:.4g}</text>' for y in (low, high)]
    below = HEIGHT - EDGE + 18
    parts += [f'<text x="{place(x, low).split(",")[0]}" y="{below}">{x:g}</text>' for x in (first, last)]
    for at, (label, points) in enumerate(shown):
        where, colour = " ".join(place(x, y) for x, y in points), COLOURS[at % len(COLOURS)]
        parts.append(f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{WIDTH - EDGE - 140}" y="{20 + 14 * at}" fill="{colour}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>"])
