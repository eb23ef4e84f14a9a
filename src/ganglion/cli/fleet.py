"""`ganglion up`, `down` and `status`: the fleet of a project on this machine."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .screen import Output, cell, say, show_json, show_table

if TYPE_CHECKING:
    from ..run import Setup, World

Folder = Annotated[Path, typer.Argument(help="The project's folder.")]
HERE = Path(".")
SENSED = "sensed"  # file: how many samples its devices have sensed, for their numbers must not come twice


class LogFormat(StrEnum):
    """How the nodes write their logs."""

    TEXT = "text"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion up myproject --sim")(up)
    app.command(epilog="Example: ganglion down myproject")(down)
    app.command(epilog="Example: ganglion status myproject -o json")(status)


def up(
    folder: Folder = HERE,
    sim: Annotated[bool, typer.Option("--sim", help="In the simulator: print the result and end.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Decides everything that is random.")] = 7,
    samples: Annotated[int, typer.Option(min=1, help="How many samples each device senses at first.")] = 200,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds that the first release may take.")] = 300.0,
    log_format: Annotated[LogFormat, typer.Option(help="How the nodes write their logs.")] = LogFormat.TEXT,
    output: Annotated[Output, typer.Option("--output", "-o", help="How the result is printed.")] = Output.TABLE,
) -> None:
    """Run the project's fleet: train, roll out the first release, answer; then leave the processes running."""
    from ..core.label import Zone
    from .folder import STATE, load_setup

    setup = load_setup(folder)
    if sim:
        from .simulated import simulated

        with simulated(setup, seed) as virtual:
            _result(_start(virtual, setup, samples, timeout), output)
        return
    from ..live.supervisor import LiveFleet

    with LiveFleet(setup, folder / STATE, seed, log_format=log_format.value, progress=say) as world:
        active = world.status(world.fleet.at(Zone.DEVICE)[0].id).release  # of an earlier `up`; nodes keep it
        counter = folder / STATE / SENSED
        first = int(counter.read_text()) if counter.exists() else 0
        counter.write_text(str(first + samples))
        result = _start(world, setup, samples, timeout, active, first)
        world.detach()
    _result(result, output)
    say(f"the fleet stays up; see `ganglion status {folder}`, end it with `ganglion down {folder}`")


def _start(
    world: World, setup: Setup, samples: int, timeout_s: float, active: int = 0, first: int = 0
) -> dict[str, Any]:
    from .rollout import Served, release, serve

    if active:
        say(f"release {active} is out already; nothing is trained")
    released = Served(active) if active else release(world, timeout_s, say)
    say(f"every device senses {samples} samples …")
    return serve(world, setup, released, samples, first).as_data()


def _result(result: dict[str, Any], output: Output) -> None:
    if output is Output.JSON:
        show_json(result)
    else:
        show_table(["", "value"], result.items())


def down(folder: Folder = HERE) -> None:
    """End the fleet that `up` or `demo --keep` left running; its state stays for the next time."""
    from ..live.supervisor import LiveFleet
    from .folder import state_of

    LiveFleet.down(state_of(folder))
    say(f"the fleet of {folder} has ended; its state is kept in {state_of(folder)}")


def status(
    folder: Folder = HERE,
    output: Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")] = Output.TABLE,
) -> None:
    """Show each node: its release, links, what waits to be delivered, what it uses."""
    from dataclasses import asdict

    from ..core.errors import Unreachable
    from ..live.admin import AdminClient
    from .folder import state_of
    from .nodes import node_folders

    rows: list[dict[str, Any]] = []
    for name, place in node_folders(state_of(folder)).items():
        try:
            with AdminClient(place) as client:
                rows.append(asdict(client.status()))
        except Unreachable:
            rows.append({"node": name, "zone": None, "pid": None})
    if all(row["pid"] is None for row in rows):
        raise Unreachable(f"no node of {folder} runs: the fleet is down; `ganglion up {folder}` starts it")
    if output is Output.JSON:
        show_json(rows)
        return
    heads = ["node", "zone", "pid", "up", "release", "trying", "links", "waiting", "memory"]
    show_table(heads, [_row(row) for row in rows])


def _row(row: dict[str, Any]) -> list[str]:
    if row["pid"] is None:
        return [row["node"], "-", "-", "down", *["-"] * 5]
    links = [link["peer"] if link["up"] else f"({link['peer']})" for link in row["links"]]
    used = f"{row['usage']['rss_bytes'] / 1e6:.0f} MB"
    fields = [row[name] for name in ("node", "zone", "pid")]
    up = f"{row['uptime_s']:.0f} s"
    return [
        cell(value) for value in (*fields, up, row["release"], row["trying"], " ".join(links), row["waiting"], used)
    ]
