"""`ganglion edge`: an edge on a host of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="An edge on a host of its own: invite it, join, serve.", no_args_is_help=True)
Node = Annotated[str, typer.Argument(help="Its id in fleet.toml; may be left out where there is only one.")]
Folder = Annotated[Path, typer.Option(help="The project's folder.")]
HERE = Path(".")


@app.command(epilog="Example: ganglion edge invite edge-1 --ttl 600")
def invite(
    node: Node = "",
    folder: Folder = HERE,
    ttl: Annotated[float, typer.Option(min=1.0, help="Seconds that the token is good for.")] = 3600.0,
) -> None:
    """On the cloud's host: print a token that lets this edge in, once."""
    from ..core.label import Zone
    from . import hosts

    hosts.invite(folder, Zone.EDGE, node, ttl)


@app.command(epilog="Example: ganglion edge join edge-1 --token $TOKEN")
def join(
    token: Annotated[str, typer.Option(envvar="GANGLION_TOKEN", help="What `ganglion edge invite` printed.")],
    node: Node = "",
    folder: Folder = HERE,
    address: Annotated[str, typer.Option(help="Where the cloud is reached; default: as fleet.toml says.")] = "",
) -> None:
    """On the edge's host: make its key here and trade the token for a certificate."""
    from ..core.label import Zone
    from . import hosts

    hosts.join(folder, Zone.EDGE, node, token, address)


@app.command(epilog="Example: ganglion edge serve edge-1")
def serve(node: Node = "", folder: Folder = HERE) -> None:
    """Run this edge until it is told to end."""
    from ..core.label import Zone
    from . import hosts

    hosts.serve(folder, Zone.EDGE, node)
