"""The `ganglion` command, one file per noun. What a command needs is imported when it runs: help must cost little."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from ..core.errors import GanglionError
from . import (
    below,
    bench,
    cloud,
    console,
    demo,
    doctor,
    evaluation,
    fleet,
    inference,
    job,
    members,
    model,
    node,
    plan,
    profile,
    project,
    rollouts,
    split,
    train,
)
from .screen import explain

app = typer.Typer(
    name="ganglion",
    help="Edge-cloud collaborative AI: train, cut, sign, roll out, answer, learn, in a simulator or as processes.",
    epilog="Example: ganglion demo --sim --seed 7",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # drawing boxes would double what help costs
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (demo, project, fleet, train, inference, evaluation, profile, plan, bench, doctor):
    part.add_to(app)
members.add_to(cloud.app)
groups = {
    "cloud": cloud,
    "console": console,
    "job": job,
    "model": model,
    "node": node,
    "rollout": rollouts,
    "split": split,
}
for name, group in groups.items():
    app.add_typer(group.app, name=name)
for noun in ("edge", "device"):
    app.add_typer(below.group(noun), name=noun)


@app.callback(invoke_without_command=True)
def top(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Say which version this is.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show the traceback of an error.")] = False,
) -> None:
    """What comes before a command's name."""
    if version:
        from .. import __version__

        typer.echo(__version__)
        raise typer.Exit


def main() -> None:
    """Runs the command of this process; an error ends it with three lines and its exit code."""
    try:
        app(prog_name="ganglion")
    except GanglionError as error:
        _end(str(error), error.exit_code)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except Exception as error:  # boundary: a user of the command line gets three lines, not a stack
        _end(f"{type(error).__name__}: {error or 'no message'}; this is a bug or a broken installation, see -v", 1)


def _end(message: str, code: int) -> None:
    if {"-v", "--verbose"} & set(sys.argv[1:]):
        traceback.print_exc()
    explain(message)
    raise SystemExit(code)
