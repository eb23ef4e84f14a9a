"""`ganglion eval`: the active release on the project's test part, by the project's own metric; needs no torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from .screen import Output, show, show_json, show_table

BATCH = 256
HERE = Path(".")


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command("eval", epilog="Example: ganglion eval myproject -o json")(evaluate)


def evaluate(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = HERE,
    node: Annotated[str, typer.Option(help="Whose release; default: the first edge's.")] = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")] = Output.TABLE,
) -> None:
    """Score the active release on the project's test part: own metric, accuracy per exit, confusion matrix."""
    import numpy as np

    from ..core.label import Zone
    from ..project import resolve
    from .folder import state_of
    from .nodes import active_release, node_folder

    data = resolve(str(folder)).project
    ready = active_release(node_folder(state_of(folder), node, Zone.EDGE))
    test, release = data.examples("test"), ready.release
    run = ready.stage(0, release.exits)
    outs = [run(test.x[at : at + BATCH])[: release.exits] for at in range(0, len(test), BATCH)]
    predicted = [np.concatenate(one).argmax(-1) for one in zip(*outs, strict=True)]
    matrix = np.zeros((data.classes, data.classes), np.int64)
    np.add.at(matrix, (test.y, predicted[-1]), 1)
    result: dict[str, Any] = {
        "release": release.counter,
        "examples": len(test),
        "score": data.score(test.y, predicted[-1]),
        **{f"accuracy exit {at + 1}": float((one == test.y).mean()) for at, one in enumerate(predicted)},
    }
    if output is Output.JSON:
        show_json({**result, "classes": data.names, "confusion": matrix.tolist()})
        return
    show_table(["", "value"], result.items())
    show("")
    show_table(
        ["true \\ said", *data.names], [[name, *row] for name, row in zip(data.names, matrix.tolist(), strict=True)]
    )
