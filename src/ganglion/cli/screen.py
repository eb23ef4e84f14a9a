"""What a command prints: data on stdout, everything else on stderr; plain where nobody watches a terminal."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any, TextIO

LABELS = ("error:", "  why:", "   do:")


class Output(StrEnum):
    """How data is printed."""

    TABLE = "table"
    JSON = "json"


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def show(text: str) -> None:
    """Data."""
    print(text, flush=True)


def show_json(data: Any) -> None:
    """Data for a program."""
    show(json.dumps(data, indent=2, sort_keys=True))


def show_table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Data for a reader, in aligned columns."""
    show(table(heads, rows, colour=is_terminal(sys.stdout)))


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], colour: bool = False) -> str:
    """Columns as wide as their widest cell; numbers stand on the right."""
    cells = [[cell(value) for value in row] for row in rows]
    widths = [max(len(head), *(len(row[at]) for row in cells), 0) for at, head in enumerate(heads)]
    right = [all(row[at][:1] in "0123456789-" for row in cells) and bool(cells) for at in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        parts = [
            one.rjust(width) if turn else one.ljust(width) for one, width, turn in zip(row, widths, right, strict=True)
        ]
        return "  ".join(parts).rstrip()

    first = line(heads)
    return "\n".join([f"\033[1m{first}\033[0m" if colour else first, *map(line, cells)])


def cell(value: object) -> str:
    """One value, as short as it is exact enough to read."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None or value == "" else str(value)


def explain(message: str) -> None:
    """An error in three lines: what is wrong, why, and what to do about it, as far as the message says."""
    parts = in_three(message)
    strong, end = ("\033[31m", "\033[0m") if is_terminal(sys.stderr) else ("", "")
    for label, part in zip(LABELS, parts, strict=True):
        if part:
            say(f"{strong}{label}{end} {part}")


def in_three(message: str) -> tuple[str, str, str]:
    """An error's message as (what, why, what to do).

    >>> in_three("rate = 0 in job.toml [train]: it must be above 0; such as 0.01")
    ('rate = 0 in job.toml [train]', 'it must be above 0', 'such as 0.01')
    """
    before, _, remedy = message.rpartition("; ")
    what, _, why = (before or remedy).partition(": ")
    return what, why, remedy if before else "see `ganglion --help`, or run it again with -v for details"


def is_terminal(stream: TextIO) -> bool:
    """Whether colour is welcome there."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain
