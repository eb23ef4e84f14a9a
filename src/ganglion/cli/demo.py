"""`ganglion demo`: the whole loop in one command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from .screen import is_terminal, say


class Data(StrEnum):
    """Which images the demo learns and streams."""

    DIGITS = "digits"
    MNIST = "mnist"
    CIFAR10 = "cifar10"


class Drift(StrEnum):
    """How one site's world changes."""

    INVERSION = "inversion"
    ROTATION = "rotation"
    NOISE = "noise"


class Declassify(StrEnum):
    """How an update made from private data may leave its site."""

    CONSENT = "consent"
    NOISE = "noise"
    NONE = "none"


class LogFormat(StrEnum):
    """How progress and logs are written."""

    TEXT = "text"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion demo --sim --seed 7 --out results")(demo)


def demo(
    sim: Annotated[bool, typer.Option("--sim", help="On a virtual clock instead of as processes.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is random.")] = 7,
    data: Annotated[Data, typer.Option(help="Which images; all but digits need --data-dir.")] = Data.DIGITS,
    data_dir: Annotated[Path | None, typer.Option(envvar="GANGLION_DATA", help="Folder of larger data sets.")] = None,
    drift: Annotated[Drift, typer.Option(help="How one site's world changes.")] = Drift.INVERSION,
    declassify: Annotated[Declassify, typer.Option(help="How private updates may leave.")] = Declassify.CONSENT,
    trace: Annotated[Path | None, typer.Option(help="Throughput of the mobile links: seconds and Mbit/s.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for results; default ./demo-out.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the fleet up; `ganglion down` ends it.")] = False,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds after which it gives up.")] = 600.0,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="More of what happens, and tracebacks.")] = False,
    log_format: Annotated[LogFormat, typer.Option(help="How progress and logs are written.")] = LogFormat.TEXT,
    plant: Annotated[str, typer.Option(hidden=True, help="Plant a violation, to see that it is noticed.")] = "",
) -> None:
    """Run the whole loop with one cloud, two edges, four devices: train, serve, drift, learn, roll out, roll back."""
    from ..demo.options import DemoOptions
    from ..demo.run import run_demo

    options = DemoOptions(
        sim=sim,
        seed=seed,
        data=data.value,
        data_dir=data_dir,
        drift=drift.value,
        declassify=declassify.value,
        trace=trace,
        out=out,
        keep=keep,
        timeout_s=timeout,
        verbose=verbose,
        log_format=log_format.value,
        plant=plant,
    )
    raise typer.Exit(run_demo(options, say, _end))


def _end(result: dict[str, Any]) -> None:
    """What came of it: the ways to serve, then the verdict."""
    import sys

    from rich.console import Console

    from ..demo.terminal import WIDTH, table, verdict

    watched = is_terminal(sys.stdout)
    console = Console(width=None if watched else WIDTH, no_color=not watched, highlight=False)
    table(result, console)
    verdict(result, console)
