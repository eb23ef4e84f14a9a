"""The report: one self-contained HTML page made from the result alone, so the same result gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence

from . import figures_serve, figures_time, figures_tree, figures_words
from .figures_style import STYLE
from .figures_table import ACCOUNT, COLUMNS, Column, Result, Row, ahead, best, failing, headlines, paired, verdict_line
from .figures_text import escaped
from .figures_words import grid, paragraph


def html(result: Result) -> str:
    """The page. It needs no script and no other file, and holds nothing that `result` does not."""
    sections = [
        ("Ways to serve", _ways(result)),
        ("Pictures", _pictures(result)),
        ("Drift", figures_words.drift(result)),
        ("Releases", figures_words.releases(result)),
        ("Outage", figures_words.outage(result)),
        ("Privacy", figures_words.privacy(result)),
        ("Invariants", figures_words.invariants(result)),
        ("What is declared", figures_words.declared(result)),
    ]
    body = "".join(f"<section><h2>{escaped(title)}</h2>{words}</section>" for title, words in sections)
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>ganglion demo</title><style>{STYLE}</style></head><body>"
        f"<header><h1>ganglion demo</h1>{_subtitle(result)}</header><main>{_verdict(result)}{_cards(result)}{body}"
        "</main></body></html>\n"
    )


def _subtitle(result: Result) -> str:
    meta = result["meta"]
    words = f"One run of the loop: {meta['data']}, {meta['drift']}, seed {meta['seed']}, world: {meta['world']}"
    return paragraph(words, "soft")


def _verdict(result: Result) -> str:
    broken = failing(result)
    rows = "".join(f"<li><b>{escaped(one['name'])}</b>: {escaped(one['detail'])}</li>" for one in broken)
    names = f"<ul>{rows}</ul>" if broken else ""
    look = "verdict" if result["invariants"] and not broken else "verdict bad"
    return f'<div class="{look}" role="status">{escaped(verdict_line(result))}{names}</div>'


def _cards(result: Result) -> str:
    cards = [
        f'<div class="card"><b>{escaped(number)}</b><span>{escaped(what)}</span>'
        f'<span class="soft">{escaped(compared)}</span></div>'
        for number, what, compared in headlines(result)
    ]
    return f'<div class="cards">{"".join(cards)}</div>'


def _ways(result: Result) -> str:
    caption = "The same public samples by each way to serve; the best value of a column is bold and underlined"
    drifted = "Rows with “drifted” in their name saw the changed samples of one site, so they are not compared. "
    links = "Up and down are bytes on the edge–cloud links; what is declared about devices and links is listed below."
    degraded = "What became of every sample; a degraded answer came from a nearer exit than planned"
    return (
        _comparison(result, COLUMNS, caption)
        + paragraph(paired(result) + _better(result))
        + paragraph(drifted + links, "soft")
        + _comparison(result, ACCOUNT, degraded)
    )


def _comparison(result: Result, columns: Sequence[Column], caption: str) -> str:
    rows = result["table"]
    heads = [("", "way to serve"), *(("n", f"{column.head}\n{column.unit}") for column in columns)]
    winners = [best(column, rows) for column in columns]
    cells = [
        [("", row["name"]), *(_cell(column, row, names) for column, names in zip(columns, winners, strict=True))]
        for row in rows
    ]
    return grid(caption, heads, cells, "table")


def _cell(column: Column, row: Row, winners: set[str]) -> tuple[str, str]:
    return ("n best" if row["name"] in winners else "n"), column.show(row)


def _better(result: Result) -> str:
    """Who beats ganglion at what; a reader should not have to search the table for it."""
    told = []
    for key, words, most in (
        ("accuracy", "more accurate", True),
        ("p95_ms", "faster at p95", False),
        ("up_bytes_per_answer", "with fewer bytes to the cloud", False),
    ):
        names = ahead(result, key, most)
        told.append(f"{words}: {', '.join(names) if names else 'none'}")
    return f" Compared with ganglion, {'; '.join(told)}."


def _pictures(result: Result) -> str:
    over_time = [figures_time.timeline(result), figures_time.accuracy(result)]
    of_serving = [
        figures_serve.latencies(result),
        figures_serve.ways(result),
        figures_tree.links(result),
        figures_serve.tiers(result),
    ]
    first, second = (f'<div class="pictures">{"".join(drawn)}</div>' for drawn in (over_time, of_serving))
    return first + figures_time.events(result) + second
