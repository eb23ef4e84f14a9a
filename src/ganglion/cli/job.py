"""`ganglion job`: the runs of federated jobs in folders: list, show, log, stop, resume, compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .screen import Output, say, show, show_json, show_table
from .train import line, play, shown

if TYPE_CHECKING:
    from ..train.runs import Run

HERE = Path()
PAGE = Path("compared.html")
HEADS = ("run", "state", "round", "of", "accuracy", "up_MB", "down_MB")
app = typer.Typer(help="Federated jobs that `ganglion train` plays or has played.", no_args_is_help=True)
Folder = Annotated[Path, typer.Argument(help="The run's folder, as the option --out of `ganglion train` named it.")]
Shape = Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")]


@app.command("ls", epilog="Example: ganglion job ls")
def list_(
    folder: Annotated[Path, typer.Argument(help="Where to look, and three folders below.")] = HERE,
    output: Shape = Output.TABLE,
) -> None:
    """Every run in a folder: whether it runs, how far it came, what it sent."""
    from ..core.errors import NotFound
    from ..train.runs import runs_below

    if not folder.is_dir():
        raise NotFound(f"no folder {folder}: runs are looked for in one; name another")
    rows = [_row(run) for run in runs_below(folder)]
    if output is Output.JSON:
        show_json([dict(zip(HEADS, row, strict=True)) for row in rows])
    else:
        show_table(HEADS, rows)
        if not rows:
            say(f"no run in {folder}; `ganglion train job.toml --out trained` makes one")


@app.command("show", epilog="Example: ganglion job show trained")
def show_(run: Folder, output: Shape = Output.TABLE) -> None:
    """One run: its job's file, where it stands, its best round, what its weights are called."""
    from ..train.runs import read_run

    found = read_run(run)
    told: dict[str, Any] = dict(zip(HEADS, _row(found), strict=True))
    judged = [(one.accuracy, one.number) for one in found.rounds if one.accuracy is not None]
    if judged:
        best, number = max(judged, key=lambda one: (one[0], -one[1]))
        told |= {"best": best, "in_round": number}
    last = found.rounds[-1].judged if found.rounds else None
    if last is not None and last.clients_worst is not None:
        told |= {"clients_mean": last.clients_mean, "clients_worst": last.clients_worst}
    failed = sum(len(one.failed) for one in found.rounds)
    told |= {"failed": failed, "job": str(found.job), "weights": found.weights}
    if output is Output.JSON:
        show_json(told)
    else:
        show_table(("", "value"), told.items())


@app.command("log", epilog="Example: ganglion job log trained --last 5")
def log(
    run: Folder,
    last: Annotated[int, typer.Option(min=0, help="So many of the latest rounds; 0: all.")] = 0,
) -> None:
    """A line per round, up to the last checkpoint."""
    from ..train.runs import read_run

    found = read_run(run)
    for one in found.rounds[-last:]:
        show(line(one, found.planned))


@app.command("stop", epilog="Example: ganglion job stop trained")
def stop(run: Folder) -> None:
    """Ask the process at work on a run to end after its round; the checkpoint that it leaves can be resumed."""
    from ..core.errors import NotFound
    from ..train.runs import ask_to_stop, read_run

    found = read_run(run)
    if not ask_to_stop(found):
        why = f"its state is {found.state!r}; `ganglion job resume {run}` goes on with it"
        raise NotFound(f"nobody is at work in {run}: {why}")
    say(f"{run} ends after its round; `ganglion job resume {run}` goes on with it")


@app.command("resume", epilog="Example: ganglion job resume trained")
def resume(run: Folder, output: Shape = Output.TABLE) -> None:
    """Go on with a run from its last checkpoint, to the bytes that it would have come to without a break."""
    from ..train.runs import read_run

    shown(play(read_run(run).job, run), output)


@app.command("compare", epilog="Example: ganglion job compare trained other --page compared.html")
def compare(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    page: Annotated[Path, typer.Option(help="Where the pictures go: accuracy by round and by bytes.")] = PAGE,
    target: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Accuracy to count rounds and bytes to; 0: none.")
    ] = 0.0,
    output: Shape = Output.TABLE,
) -> None:
    """Several runs side by side, as a table and as one page of curves."""
    from ..train.curves import compared
    from ..train.runs import read_run

    found = {str(folder): read_run(folder) for folder in runs}
    rows = [[*_row(run), *_until(run, target)] for run in found.values()]
    heads = [*HEADS, *(("rounds_to", "MB_to") if target else ())]
    page.write_text(compared(" and ".join(found), {name: run.rounds for name, run in found.items()}), "utf-8")
    say(f"curves are in {page}")
    if output is Output.JSON:
        show_json([dict(zip(heads, row, strict=True)) for row in rows])
    else:
        show_table(heads, rows)


def _row(run: Run) -> list[Any]:
    up, down = run.up_bytes / 1e6, run.down_bytes / 1e6
    return [str(run.folder), run.state, len(run.rounds), run.planned, run.accuracy, up, down]


def _until(run: Run, target: float) -> list[Any]:
    """The first round that was judged so good, and megabytes sent up by then; nothing without a target."""
    if not target:
        return []
    sent = 0.0
    for one in run.rounds:
        sent += one.up_bytes / 1e6
        if one.accuracy is not None and one.accuracy >= target:
            return [one.number, sent]
    return [None, None]
