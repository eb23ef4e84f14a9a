"""`ganglion doctor`: what is installed, what works here, and what is missing for what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .screen import Output, show_json, show_table

HERE = Path(".")


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion doctor -o json")(doctor)


def doctor(
    folder: Annotated[Path, typer.Argument(help="A project's folder; its certificates are looked at too.")] = HERE,
    output: Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")] = Output.TABLE,
) -> None:
    """Look at this machine: versions, extras, runtime, disk space, certificates. Ends with 1 where a need is unmet."""
    from .health import needs, wishes

    needed, wished = needs(folder), wishes()
    if output is Output.JSON:
        show_json([{"what": what, "ok": ok, "found": found} for what, ok, found in (*needed, *wished)])
    else:
        show_table(["", "ok", ""], [*needed, *wished])
    if not all(ok for _, ok, _ in needed):
        raise typer.Exit(1)
