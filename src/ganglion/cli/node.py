"""`ganglion node`: one snapshot of nodes, links, models, roll-outs and budgets, each node read in one go."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .asking import HERE, Folder
from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..live.admin_messages import Snapshot


class Private(StrEnum):
    """Tiers that are sealed at rest."""

    USER = "user"
    EDGE = "edge"
    DERIVED = "derived"


app = typer.Typer(help="The nodes of a fleet on this machine: list them, show one.", no_args_is_help=True)
As = Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")]


@app.command(epilog="Example: ganglion node ls --folder myproject -o json")
def ls(folder: Folder = HERE, output: As = Output.TABLE) -> None:
    """Show every node: its release, links, what waits, what it uses; as JSON also models, roll-outs and budgets."""
    found = _snapshots(folder)
    if output is Output.JSON:
        show_json(snapshot_of(found))
        return
    heads = ["node", "zone", "release", "floor", "trying", "links up", "waiting", "memory", "errors"]
    show_table(heads, [_row(name, seen) for name, seen in found.items()])


@app.command(epilog="Example: ganglion node show edge-1 --folder myproject")
def show(
    name: Annotated[str, typer.Argument(help="Which node.")], folder: Folder = HERE, output: As = Output.TABLE
) -> None:
    """Show one node: what it runs, its links, its releases and its budgets."""
    from ..core.errors import NotFound, Unreachable
    from ..core.table import closest

    found = _snapshots(folder)
    if name not in found:
        raise NotFound(f"no node {name!r}: there are {', '.join(found)}; {closest(name, found)}")
    seen = found[name]
    if seen is None:
        raise Unreachable(f"node {name} is not running; look into its log, or start it")
    if output is Output.JSON:
        show_json(snapshot_of({name: seen}))
        return
    status = seen.status
    rows: list[tuple[str, object]] = [("node", status.node), ("zone", status.zone), ("release", status.release)]
    rows += [("floor", status.floor), ("trying", status.trying), ("waiting", status.waiting), ("errors", status.errors)]
    rows += [(f"link to {link.peer}", "up" if link.up else "down") for link in status.links]
    rows += [(f"set aside, {which}", why) for which, why in status.aside]
    rows += [(f"flow {flow}", phase.lower()) for flow, phase in status.flows]
    rows += [(f"release {one.counter}", one.trigger) for one in seen.models.rows]
    rows += [(f"disk: {kind}", size) for kind, size in seen.models.disk]
    rows += [(f"epsilon of {what}", spent) for what, spent in seen.spent]
    show_table(["", "value"], rows)


@app.command(epilog="Example: ganglion node erase device-1 --tier user --folder myproject")
def erase(
    name: Annotated[str, typer.Argument(help="Which node; it must not run.")],
    tier: Annotated[Private, typer.Option(help="Data of this tier, and the key that it is sealed under.")],
    folder: Folder = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Destroy what a node keeps of a tier, for good; backups of its folder have to be destroyed beside."""
    from ..core.errors import NotFound
    from ..core.label import Tier
    from ..core.table import closest
    from ..live.erasing import erase as erase_all
    from ..node.bodies import make_codec
    from .folder import state_of
    from .nodes import node_folders

    homes = node_folders(state_of(folder))
    if name not in homes:
        raise NotFound(f"no node {name!r}: there are {', '.join(homes)}; {closest(name, homes)}")
    if not yes:
        typer.confirm(f"everything of tier {tier.value} on {name} is gone for good; go on?", abort=True)
    gone = erase_all(homes[name], Tier[tier.name], "its own host's user", make_codec())
    key = "its key was destroyed" if gone.key else "there was no key"
    say(f"{gone.files} blobs of {gone.size_bytes} bytes are gone from {name}; {key}")


@app.command(epilog="Example: ganglion node metrics --folder myproject --port 9464")
def metrics(
    folder: Folder = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="On loopback; 0 = any.")] = 9464,
) -> None:
    """Tell Prometheus of every node here until Ctrl-C: give its http_sd_configs the printed address."""
    from .. import __version__
    from ..live.exporter import Exporter
    from .folder import state_of
    from .nodes import node_folders

    exporter = Exporter(node_folders(state_of(folder)), __version__)
    exporter.run(port, lambda url: say(f"Prometheus finds every node by {url}; Ctrl-C ends this"))


def snapshot_of(found: dict[str, Snapshot | None]) -> dict[str, Any]:
    """For a program. Each node's part is of one moment; who does not run is there without a process."""
    seen = {name: one for name, one in found.items() if one is not None}
    down: list[dict[str, Any]] = [{"node": name, "pid": None} for name, one in found.items() if one is None]
    up = [{key: value for key, value in asdict(one.status).items() if key != "links"} for one in seen.values()]
    return {
        "nodes": [*up, *down],
        "links": [{"node": name, **asdict(link)} for name, one in seen.items() for link in one.status.links],
        "models": {name: [asdict(row) for row in one.models.rows] for name, one in seen.items()},
        "rollouts": [asdict(row) for one in seen.values() for row in one.rollouts.rows],
        "budgets": {
            name: {"disk_bytes": dict(one.models.disk), "epsilon": dict(one.spent)} for name, one in seen.items()
        },
    }


def _snapshots(folder: Path) -> dict[str, Snapshot | None]:
    from ..core.errors import Unreachable
    from ..live.admin import AdminClient
    from ..live.admin_messages import AskSnapshot
    from .folder import state_of
    from .nodes import node_folders

    found: dict[str, Snapshot | None] = {}
    for name, home in node_folders(state_of(folder)).items():
        try:
            with AdminClient(home) as client:
                found[name] = client.ask(AskSnapshot())
        except Unreachable:
            found[name] = None
    return found


def _row(name: str, seen: Snapshot | None) -> list[object]:
    if seen is None:
        return [name, "down", *[""] * 7]
    status = seen.status
    links = f"{sum(link.up for link in status.links)} of {len(status.links)}"
    memory = f"{status.usage.rss_bytes / 1e6:.0f} MB"
    counts = [status.release, status.floor, status.trying, links, status.waiting, memory, status.errors]
    return [name, status.zone, *counts]
