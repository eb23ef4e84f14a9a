"""`ganglion train`: a federated job from a file, on clients in this process; a line per round, curves at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..train import Result, Round

OUT = Path("trained")


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command("train", epilog="Example: ganglion train job.toml --out trained")(train)


def train(
    job: Annotated[Path, typer.Argument(help="The job's file.")],
    out: Annotated[Path, typer.Option(help="Folder for weights, curves and what is needed to resume.")] = OUT,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again, also where that folder holds this job.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")] = Output.TABLE,
) -> None:
    """Learn together: clients train, the server adds up, until the job's stop. Goes on where it was interrupted."""
    shown(play(job, out, fresh), output)


def play(job: Path, out: Path, fresh: bool = False) -> Result:
    """A job's rounds from where its folder stands, a line for each; leaves weights, curves and a checkpoint there."""
    from ..core.blob import tensors_to_bytes
    from ..live.pace import Pace
    from ..train.curves import page
    from ..train.job_file import read_train
    from ..train.runs import is_asked_to_stop, note_end, opened

    federation, stop = read_train(job)
    pace, played = Pace(), 0

    def tell(one: Round) -> bool:
        nonlocal played
        played += 1
        left_s = pace.left_s(played, played + stop.rounds - one.number)
        say(line(one, stop.rounds, left_s))
        return is_asked_to_stop(out)

    with opened(out, job, stop):
        if fresh:
            for old in (*out.glob("tensors-*.safetensors"), *out.glob("job.json")):
                old.unlink()
        result = federation.run(stop, out, tell)
        (out / "weights.safetensors").write_bytes(tensors_to_bytes(result.weights))
        (out / "curves.html").write_text(page(job.stem, result.rounds), "utf-8")
        note_end(out, job, stop, result)
    say(f"{result.why}; weights, curves.html and job.json are in {out}")
    return result


def line(one: Round, rounds: int, left_s: float | None = None) -> str:
    """One round, as short as it says everything."""
    judged = one.judged
    parts = [f"round {one.number}/{rounds}", f"{one.clients - len(one.failed)} clients"]
    parts += [f"accuracy {judged.accuracy:.4f}"] if judged.accuracy is not None else []
    parts += [f"loss {judged.loss:.4f}"] if judged.loss is not None else []
    if judged.clients_mean is not None and judged.clients_worst is not None:
        parts.append(f"clients {judged.clients_mean:.4f}, worst tenth {judged.clients_worst:.4f}")
    parts += [f"{len(one.failed)} failed, client {one.failed[0][0]}: {one.failed[0][1]}"] if one.failed else []
    parts.append(f"{one.up_bytes / 1e6:.3g} MB up, {one.down_bytes / 1e6:.3g} MB down")
    return "  ".join([*parts, *([] if left_s is None else [f"{left_s:.0f} s left"])])


def shown(result: Result, output: Output) -> None:
    """Prints what a job came to."""
    last = result.rounds[-1]
    found = {"rounds": last.number, "why": result.why, "accuracy": last.judged.accuracy, "loss": last.judged.loss}
    found |= {"clients_mean": last.judged.clients_mean, "clients_worst": last.judged.clients_worst}
    found |= {"up_MB": sum(one.up_bytes for one in result.rounds) / 1e6, "weights": result.weights.digest()}
    if output is Output.JSON:
        show_json(found)
        return
    show_table(["", "value"], [(name, value) for name, value in found.items() if value is not None])
