"""`ganglion bench`: measurements by name, as a table, as JSON, and as one page of all results."""

from __future__ import annotations

import logging
import re
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from ..core.errors import NotFound
from .screen import cell, say, show, show_table

RESULTS = Path("benchmarks")
PAGE = "table"  # instead of a name: make the page of all results


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion bench wire --quick --check")(bench)


def bench(
    name: Annotated[str, typer.Argument(help=f"Which bench; `{PAGE}` makes the page of all results.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="Print the names there are.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Smaller, with bars of its own; not kept.")] = False,
    check: Annotated[bool, typer.Option("--check", help="End with 1 when a bar is missed.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is random.")] = 7,
    out: Annotated[Path, typer.Option(help="Folder of the results and their page.")] = RESULTS,
) -> None:
    """Measure one thing; its full result is kept with the machine, the versions and the digest of the code."""
    from ..core.table import closest
    from .results import write_page

    name, known = name.replace("-", "_"), names()
    if listed:
        show("\n".join(known))
    elif name == PAGE:
        say(f"{write_page(out)} is made from the results in {out / 'results'}")
    elif name not in known:
        what = f"no bench {name!r}" if name else "no bench was named"
        raise NotFound(f"{what}: there are {', '.join(known) or 'none'}; {closest(name, [*known, PAGE])}")
    else:
        _run(name, quick, check, seed, out)


def _run(name: str, quick: bool, check: bool, seed: int, out: Path) -> None:
    from .results import heads_of, keep, rows_of

    progress = logging.getLogger("ganglion.bench")
    progress.setLevel(logging.INFO)
    progress.addHandler(logging.StreamHandler())  # stderr: the table alone is the result
    measured = import_module(f"ganglion.bench.{name}").run(quick, seed)
    rows = rows_of(measured, name)
    heads = heads_of(rows)
    show_table(heads, [[row.get(head) for head in heads] for row in rows])
    if not quick:
        say(f"kept in {keep(name, seed, measured, out)}")
    missed = [row for row in rows if row.get("ok") is False]
    for row in missed:
        say(f"a bar is missed: {', '.join(f'{key} {cell(value)}' for key, value in row.items())}")
    if check and missed:
        raise typer.Exit(1)


def names() -> list[str]:
    """Every bench there is: a module with a function `run`; none is imported for this."""
    folder = Path(__file__).parents[1] / "bench"
    texts = {path.stem: path.read_text("utf-8") for path in folder.glob("*.py")}
    return sorted(name for name, text in texts.items() if re.search(r"^def run\(", text, re.MULTILINE))
