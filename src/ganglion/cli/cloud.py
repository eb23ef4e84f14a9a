"""`ganglion cloud`: the cloud on a host of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The cloud on a host of its own: make the fleet's authority, serve.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="The project's folder.")]
HERE = Path(".")


@app.command(epilog="Example: ganglion cloud init --org clinic")
def init(folder: Folder = HERE, org: Annotated[str, typer.Option(help="Name of the organisation.")] = "home") -> None:
    """Make the certificate authority, the key that signs releases, and the cloud's identity."""
    from . import hosts

    hosts.found(folder, org)


@app.command(epilog="Example: ganglion cloud serve")
def serve(folder: Folder = HERE) -> None:
    """Run the cloud until it is told to end."""
    from ..core.label import Zone
    from . import hosts

    hosts.serve(folder, Zone.CLOUD, "")
