"""Quantities as a reader sees them: bytes, shares, milliseconds, counts; what is unknown is a dash."""

from __future__ import annotations

import html
import math
from typing import TypeGuard

UNKNOWN = "–"
Number = float | None


def escaped(words: object) -> str:
    """Safe in HTML and SVG, in text and in attributes."""
    return html.escape(str(words))


def count(value: Number) -> str:
    """A whole number with thousands apart.

    >>> count(1797)
    '1,797'
    """
    return f"{value:,.0f}" if _known(value) else UNKNOWN


def percent(share: Number, digits: int = 1) -> str:
    """A share of 1 as percent.

    >>> percent(0.975)
    '97.5 %'
    """
    return f"{100 * share:.{digits}f} %" if _known(share) else UNKNOWN


def points(difference: Number, signed: bool = True) -> str:
    """A difference of two shares, in percentage points; a plus is written where `signed`.

    >>> points(-0.008)
    '−0.8'
    """
    if not _known(difference):
        return UNKNOWN
    rounded = round(100 * difference, 1)
    return "0.0" if rounded == 0 else f"{rounded:{'+' if signed else ''}.1f}".replace("-", "−")


def size(value_bytes: Number) -> str:
    """Bytes in decimal units.

    >>> size(328), size(71_000), size(2_345_678)
    ('328 B', '71.0 kB', '2.35 MB')
    """
    if not _known(value_bytes):
        return UNKNOWN
    for unit in ("B", "kB", "MB"):
        if round(value_bytes, 1) < 1000:
            return f"{quantity(value_bytes) if unit != 'B' else count(value_bytes)} {unit}"
        value_bytes /= 1000
    return f"{quantity(value_bytes)} GB"


def quantity(value: Number) -> str:
    """Three significant digits, never an exponent.

    >>> quantity(110.94), quantity(13.58), quantity(0.1134)
    ('111', '13.6', '0.113')
    """
    if not _known(value):
        return UNKNOWN
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")  # first, for 0.9996 is 1.00
    digits = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{min(digits, 6)}f}"


def seconds(value_s: Number) -> str:
    """A time or duration of the run, to a tenth."""
    return f"{value_s:,.1f} s" if _known(value_s) else UNKNOWN


def given(value: Number) -> str:
    """A declared number, as it was declared.

    >>> given(8.0), given(2.5)
    ('8', '2.5')
    """
    return f"{value:,.10g}" if _known(value) else UNKNOWN


def plural(number: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "sample"), plural(2, "sample")
    ('1 sample', '2 samples')
    """
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _known(value: Number) -> TypeGuard[float]:
    return value is not None and math.isfinite(value)
