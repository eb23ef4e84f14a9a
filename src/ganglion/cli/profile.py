"""`ganglion profile`: how long a model takes on this machine, and the classes of machine that are not here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .captured import CACHE, captured
from .profile_more import link_text, table_text
from .screen import Output, say, show, show_table

if TYPE_CHECKING:
    from ..core.timing import Timing

Model = Annotated[str, typer.Argument(help="An .onnx file, or model.py:build; may be left out with --classes.")]

Examples = Annotated[
    Path | None, typer.Option("--calibration", help="Measure what codecs lose instead, on these .safetensors examples.")
]
Codecs = Annotated[list[str] | None, typer.Option("--codec", help="For --calibration; default: u8, u4 and u2.")]


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion profile net.onnx --node camera-1 --out camera-1.json")(profile)


def profile(
    model: Model = "",
    node: Annotated[str, typer.Option(help="What to call this machine in the profile.")] = "here",
    out: Annotated[Path | None, typer.Option(help="Where to write the profile.")] = None,
    cache: Annotated[Path, typer.Option(help="Measured before? Then it is taken from here.")] = CACHE,
    fresh: Annotated[bool, typer.Option("--fresh", help="Measure again, whatever the cache holds.")] = False,
    busy_w: Annotated[float, typer.Option(min=0.0, help="Declared watts while computing, above idle.")] = 0.0,
    link: Annotated[str, typer.Option(help="Measure the link from --node to this place instead; it is served.")] = "",
    calibration: Examples = None,
    codec: Codecs = None,
    folder: Annotated[Path, typer.Option(help="The project's folder, with fleet.toml; for --link.")] = Path("."),
    classes: Annotated[bool, typer.Option("--classes", help="List declared machines, with sources.")] = False,
    output: Annotated[Output, typer.Option("--output", "-o", help="How the profile is printed.")] = Output.TABLE,
) -> None:
    """Measure a model here, whole and at a few cuts; or with --link a link, with --calibration what codecs lose."""
    from ..core.errors import ConfigError
    from ..core.timing import Watts
    from ..engine.profiles import timing_to_text

    if classes:
        _list()
        return
    if not model:
        raise ConfigError("no model was named: its times are measured; give an .onnx file, or --classes")
    from ..live.stopwatch import profile as measured

    whole = captured(model)
    if link or calibration is not None:
        text = link_text(whole, folder, node, link) if calibration is None else table_text(whole, calibration, codec)
        _keep(text, out)
        return
    timing = measured(whole, node, None if fresh else cache.expanduser(), Watts(busy_w=busy_w), _progress)
    if out is not None:
        _keep(timing_to_text(timing), out)
    if output is Output.JSON:
        show(timing_to_text(timing))
    else:
        _print(timing)


def _progress(done: int, turns: int) -> None:
    say(f"turn {done} of {turns}")


def _keep(text: str, out: Path | None) -> None:
    if out is None:
        show(text)
    else:
        out.write_text(text, "utf-8")
        say(f"written to {out}")


def _list() -> None:
    from ..engine.profiles import classes, node_class

    made = [node_class(name) for name in classes()]
    rows = [(one.node, one.rates.flops_s, one.rates.bytes_s, one.watts.busy_w, one.source) for one in made]
    show_table(["class", "flop/s", "bytes/s", "busy W", "source"], rows)


def _print(timing: Timing) -> None:
    rows = [
        (one.kernels, 1e3 * one.cpu_s, 1e3 * one.wall_s, 1e3 * timing.watts.joules(one.cpu_s)) for one in timing.anchors
    ]
    show_table(["kernels", "cpu ms", "wall ms", f"mJ ({timing.watts.source})"], rows)
