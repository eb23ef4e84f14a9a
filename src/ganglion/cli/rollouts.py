"""`ganglion rollout`: who gets a release when, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .asking import HERE, OWN, At, Console, Folder, Where
from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..live.rollout_messages import RolloutRow
    from ..project.rollout import Rings

app = typer.Typer(help="Roll-outs: create, see, pause, resume, abort, roll back.", no_args_is_help=True)
Number = Annotated[int, typer.Argument(min=1, help="The roll-out's number, which is its release's.")]
As = Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")]
FILE = Path("rollout.toml")


@app.command(epilog="Example: ganglion rollout create 3 --folder myproject --dry-run")
def create(
    which: Annotated[str, typer.Argument(help="A release by its number, an alias, or a digest's beginning.")],
    file: Annotated[Path, typer.Option("--file", "-f", help="Rings and rules; default: the project's own.")] = FILE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say who would get it when; change nothing.")] = False,
    folder: Folder = HERE,
    at: At = "",
    console: Console = OWN,
    output: As = Output.TABLE,
) -> None:
    """Let a release go out ring by ring, under a new number; an owner's act."""
    from ..live.rollout_messages import CreateRollout
    from ..project.rollout import schedule

    where = Where(folder, at, console)
    rings = _rings(where, file)
    rows = schedule(rings)
    if dry_run and output is Output.JSON:
        show_json(rows)
        return
    if dry_run:
        heads = [
            "ring",
            "nodes",
            "shadow",
            "from_s",
            "at_latest_s",
            "least",
            "success",
            "error",
            "soak_s",
            "patience_s",
        ]
        cells = [
            [*(row[head] if head != "nodes" else " ".join(map(str, _list(row[head]))) for head in heads)]
            for row in rows
        ]
        show_table(heads, cells)
        return
    number = where.ask(CreateRollout(which, rings.nodes, rings.rules)).counter
    say(f"release {which} goes out as {number}; see `ganglion rollout status`")


@app.command(epilog="Example: ganglion rollout status 3 --folder myproject -o json")
def status(
    number: Annotated[int, typer.Argument(min=0, help="One roll-out; 0 = all of them.")] = 0,
    folder: Folder = HERE,
    at: At = "",
    console: Console = OWN,
    output: As = Output.TABLE,
) -> None:
    """Show where roll-outs stand, ring by ring, site by site."""
    from dataclasses import asdict

    from ..core.errors import NotFound
    from ..live.rollout_messages import AskRollouts

    rows = Where(folder, at, console).ask(AskRollouts()).rows
    known = [row.counter for row in rows]
    rows = [row for row in rows if number in (0, row.counter)]
    if number and not rows:
        raise NotFound(f"no roll-out {number}: there are {known}; `ganglion rollout create` begins one")
    if output is Output.JSON:
        show_json([asdict(row) for row in rows])
        return
    heads = ["release", "stands", "ring", "sites", "passed", "failed", "unreached", "why"]
    show_table(heads, [cells for row in rows for cells in _cells(row)])


@app.command(epilog="Example: ganglion rollout pause 3 --folder myproject")
def pause(number: Number, folder: Folder = HERE, at: At = "", console: Console = OWN) -> None:
    """Nobody more gets it; who answers with it goes on, and a site's no still takes it back."""
    _steer("pause", number, Where(folder, at, console), "it stands still; `ganglion rollout resume` goes on")


@app.command(epilog="Example: ganglion rollout resume 3 --folder myproject")
def resume(number: Number, folder: Folder = HERE, at: At = "", console: Console = OWN) -> None:
    """Go on; the ring it stands at has its whole time again."""
    _steer("resume", number, Where(folder, at, console), "it goes on")


@app.command(epilog="Example: ganglion rollout abort 3 --folder myproject")
def abort(number: Number, folder: Folder = HERE, at: At = "", console: Console = OWN) -> None:
    """Take it back from everybody, to what they had."""
    _steer("abort", number, Where(folder, at, console), "everybody goes back to what they had")


@app.command(epilog="Example: ganglion rollout rollback 3 --folder myproject")
def rollback(number: Number, folder: Folder = HERE, at: At = "", console: Console = OWN) -> None:
    """Go back to the release before: as `abort` while it goes out, after its commit an owner's act."""
    new = _steer("rollback", number, Where(folder, at, console), "")
    if new == number:
        say("everybody goes back to what they had")
    else:
        say(f"the release before comes back as {new}; see `ganglion rollout status`")


def _steer(act: str, number: int, where: Where, done: str) -> int:
    from ..live.rollout_messages import SteerRollout

    new: int = where.ask(SteerRollout(number, act)).counter
    if done:
        say(f"release {number}: {done}")
    return new


def _rings(where: Where, file: Path) -> Rings:
    """From the file that was named, else the project's own, else the first site and then all others."""
    from ..project.rollout import plain_rings, read_rollout

    own = where.folder / FILE if file == FILE else file
    return plain_rings(where.fleet()) if file == FILE and not own.exists() else read_rollout(own, where.fleet())


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _cells(row: RolloutRow) -> list[list[object]]:
    """A line per ring."""
    states, lines = dict(row.states), []
    for place, (name, ring) in enumerate(zip(row.names, row.rings, strict=True)):
        said = [states.get(node, "unreached") for node in ring]
        here = place == row.ring
        stands = (
            ("paused" if row.paused else row.phase if row.phase != "over" else "kept" if row.kept else "taken back")
            if here
            else ""
        )
        passed = said.count("passed") + said.count("committed")
        counts = [passed, said.count("failed"), said.count("unreached")]
        lines.append([row.counter, stands, name, len(ring), *counts, row.why if here else ""])
    return lines
