"""What every picture of the report is made of: scales, ticks, marks, and the frame with its caption.

It knows pixels, not what is drawn; colours are classes, so that one picture serves light, dark and paper.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .figures_text import escaped, given

WIDTH = (
    480  # pixels of a picture's own space: on a phone its text shrinks by a fifth, beside another it grows by a tenth
)
LEFT, RIGHT = 46.0, 468.0  # where axes begin and end
LETTER = 6.6  # width that a letter of a label is given; letters of the usual fonts are narrower
ROW = 17.0  # height of a line of labels
MARK = 15.0  # width of an event's number

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Values to pixels, linear or logarithmic; `low` < `high`, and both > 0 where logarithmic."""

    low: float
    high: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        if self.log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.stop - self.start)


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from `low` to `high`, at most `most`, one, two or five of a power of ten apart.

    >>> steps(0.0, 97.0)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    least = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(least))
    apart = next(power * m for m in (1, 2, 5, 10) if power * m >= least * (1 - 1e-9))
    first, last = math.ceil(low / apart - 1e-9), math.floor(high / apart + 1e-9)
    return [apart * at for at in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """One, two and five of each power of ten in between; only the powers where there are more than three of them."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    parts = (1, 2, 5) if math.log10(high / low) <= 3 else (1,)
    return [part * 10.0**power for power in powers for part in parts if low <= part * 10.0**power <= high]


def beside(wanted: Iterable[float], apart: float, rows: int) -> list[tuple[float, int]]:
    """A place and a row for each mark, near where it wants to be, none on another.

    `wanted` ascends. Within a row, places are at least `apart` from each other; a mark only ever moves to the right.
    """
    last = [-math.inf] * rows
    placed: list[tuple[float, int]] = []
    for x in wanted:
        at, row = min((max(x, last[row] + apart), row) for row in range(rows))
        last[row] = at
        placed.append((at, row))
    return placed


def text(x: float, y: float, words: object, kind: str = "", anchor: str = "start") -> str:
    """Words at a base line."""
    look = f' class="{kind}"' if kind else ""
    side = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{look}{side}>{escaped(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A filled rectangle."""
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0):.1f}" height="{height:.1f}" class="{kind}"/>'


def path(corners: Sequence[Point], kind: str, closed: bool = False) -> str:
    """A line through points."""
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
    return f'<path d="M{way}{"Z" if closed else ""}" class="{kind}"/>'


def across(scale: Scale, marks: Sequence[float], bottom: float, top: float, unit: str) -> str:
    """A horizontal axis with grid lines up to `top`; the unit stands below it, and `bottom` + 36 is free again."""
    parts = [line(scale(at), top, scale(at), bottom, "grid") for at in marks]
    parts += [text(scale(at), bottom + 15, given(at), "tick", "middle") for at in marks]
    parts += [line(scale.start, bottom, scale.stop, bottom, "axis")]
    parts += [text((scale.start + scale.stop) / 2, bottom + 31, unit, "unit", "middle")]
    return "".join(parts)


def upwards(scale: Scale, marks: Sequence[tuple[float, str]], unit: str) -> str:
    """A vertical axis at the left with grid lines; the unit stands above it."""
    parts = [line(LEFT, scale(at), RIGHT, scale(at), "grid") for at, _ in marks]
    parts += [text(LEFT - 6, scale(at) + 4, words, "tick", "end") for at, words in marks]
    return "".join([*parts, text(4, scale.stop - 12, unit, "unit")])


def legend(items: Sequence[tuple[str, str]], y: float, start: float = LEFT) -> tuple[str, float]:
    """Samples of (class, name) in rows from `y` on, and where the last row ends."""
    parts, x = [], start
    for kind, name in items:
        width = 30 + LETTER * len(name) + 14
        if x + width > WIDTH and x > start:
            x, y = start, y + ROW
        sample = box(x, y - 9, 24, 10, kind) if kind.startswith("fill") else line(x, y - 4, x + 24, y - 4, kind)
        parts.append(sample + text(x + 30, y, name))
        x += width
    return "".join(parts), y + ROW


def numbered(events_s: Sequence[float], scale: Scale, y: float, until: float) -> tuple[str, float]:
    """Numbers 1, 2, … of events from `y` downwards, each with a hair line to `until`; and where the last row ends."""
    lines, numbers, lowest = [], [], 0
    places = _in_sight([scale(at_s) for at_s in events_s])
    for number, (at_s, (x, row)) in enumerate(zip(events_s, places, strict=True), 1):
        centre = y + row * (MARK + 1)
        lowest = max(lowest, row + 1)
        lines.append(path([(x, centre), (scale(at_s), y - MARK / 2 - 2), (scale(at_s), until)], "event"))
        numbers.append(f'<circle cx="{x:.1f}" cy="{centre:.1f}" r="{MARK / 2:.1f}" class="number"/>')
        numbers.append(text(x, centre + 3.5, number, "number inside", "middle"))
    return "".join(lines + numbers), y + lowest * (MARK + 1)


def _in_sight(wanted: Sequence[float]) -> list[tuple[float, int]]:
    """Places in as few rows, from three on, as have room; what would stand beyond the right edge is moved back."""
    for rows in itertools.count(3):
        limits = [WIDTH - MARK / 2] * rows
        placed = []
        for x, row in reversed(beside(wanted, MARK + 1, rows)):
            at = min(x, limits[row])
            limits[row] = at - MARK - 1
            placed.append((at, row))
        if all(at >= MARK / 2 for at, _ in placed):
            break
    return placed[::-1]


def figure(name: str, title: str, drawn: tuple[str, float], caption: str, alternative: str) -> str:
    """A picture with its caption. `drawn` is the SVG and its height; the alternative tells who cannot see it."""
    body, height = drawn
    return (
        f'<figure id="{name}"><h3>{escaped(title)}</h3>'
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-labelledby="{name}-title {name}-text">'
        f'<title id="{name}-title">{escaped(title)}</title><desc id="{name}-text">{escaped(alternative)}</desc>'
        f"{body}</svg><figcaption>{escaped(caption)}</figcaption></figure>"
    )


def missing(name: str, title: str, caption: str) -> str:
    """The frame of a picture for which nothing was recorded."""
    return figure(name, title, (text(LEFT, 30, "nothing was recorded"), 48), caption, "Nothing was recorded.")
