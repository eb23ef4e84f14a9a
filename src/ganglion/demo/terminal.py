"""The end of the demo on a terminal: the table of ways to serve and the verdict, in fewer than 100 columns."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .figures_table import COLUMNS, Column, Result, Row, best, failing, fate, forgotten, paired, verdict_line
from .figures_text import count, given, percent, plural, size

WIDTH = 98
ASCII = str.maketrans({"–": "-", "−": "-", "×": "x"})  # a pipe's encoding may know no more


def table(result: Result, console: Console) -> None:
    """The ways to serve; a star marks the best of a column."""
    columns = [column for column in COLUMNS if column.brief]
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    drawn.add_column("way to serve", overflow="fold")
    for column in columns:
        drawn.add_column(column.brief, justify="right", no_wrap=True)
    winners = [best(column, result["table"]) for column in columns]
    for row in result["table"]:
        cells = [_cell(column, row, names) for column, names in zip(columns, winners, strict=True)]
        drawn.add_row(_plain(row["name"]), *cells)
    console.print(drawn, width=min(WIDTH, console.width))
    _say(console, "* best of the column; drifted rows saw other samples. Bytes and mJ: per answer, edge-cloud links.")
    meta = result["meta"]
    slow, limit = given(meta["device_slowdown"]), size(meta["device_memory_bytes"])
    _say(console, f"Declared: devices {slow} x slower than measured, {limit} of memory; links {_links(meta)}.")


def verdict(result: Result, console: Console) -> None:
    """What the run showed, and which invariants hold."""
    drift, counts = result["drift"], result["counts"]
    alarm = drift["samples_to_alarm"]
    noticed = "not noticed" if alarm is None else f"noticed after {plural(alarm, 'sample')}"
    _say(console, paired(result))
    _say(
        console,
        f"Drift ({result['meta']['drift']}): {noticed}, {plural(drift['false_alarms'], 'false alarm')}; recovery "
        f"{percent(drift['recovery'])}, {forgotten(result)}.",
    )
    for one in result["releases"]:
        name = f" ({one['trigger']})" if "trigger" in one else ""
        why = f": {one['why']}" if one["why"] else ""
        _say(console, f"Release {one['counter']}{name} {fate(one)}{why}")
    sent, lost, twice = (count(counts[key]) for key in ("sent", "lost", "duplicated"))
    accepted, left, again = (count(counts[key]) for key in ("accepted", "undelivered", "delivered_twice"))
    _say(console, f"Samples: {sent} sent, {lost} lost, {twice} answered twice.")
    _say(console, f"Hard samples: {accepted} accepted, {left} not delivered, {again} delivered twice.")
    broken = failing(result)
    good = bool(result["invariants"]) and not broken
    _say(console, verdict_line(result), "bold green" if good else "bold red")
    for one in broken:
        _say(console, f"  {one['name']}: {one['detail']}", "red")


def _cell(column: Column, row: Row, winners: set[str]) -> Text:
    star = row["name"] in winners
    return _plain(column.show(row) + ("*" if star else " "), "bold" if star else "")


def _plain(words: str, style: str = "") -> Text:
    return Text(words.translate(ASCII), style=style)


def _say(console: Console, words: str, style: str = "") -> None:
    console.print(_plain(words, style), width=min(WIDTH, console.width), highlight=False)


def _links(meta: Row) -> str:
    return " and ".join(
        f"{link['name']} ({size(link['up_bytes_s'])}/s up, {given(1e3 * link['delay_s'])} ms)"
        for link in (meta["wifi"], meta["wan"])
    )
