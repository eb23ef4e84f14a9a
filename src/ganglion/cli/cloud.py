"""`ganglion cloud`: the cloud on a host of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="The cloud on a host of its own: make the fleet's authority, serve.", no_args_is_help=True)
Folder = Annotated[Path, typer.Option(help="The project's folder.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="On this machine alone: nodes join without a token.")]
HERE = Path(".")


@app.command(epilog="Example: ganglion cloud init --org clinic")
def init(folder: Folder = HERE, org: Annotated[str, typer.Option(help="Name of the organisation.")] = "home") -> None:
    """Make the certificate authority, the key that signs releases, and the cloud's identity."""
    from . import hosts

    hosts.found(folder, org)


@app.command(epilog="Example: ganglion cloud invite edge-1 --ttl 600")
def invite(
    node: Annotated[str, typer.Argument(help="Id of an edge or a device in fleet.toml.")],
    folder: Folder = HERE,
    ttl: Annotated[float, typer.Option(min=1.0, help="Seconds that the token is good for.")] = 3600.0,
) -> None:
    """Print a token that lets one node in, once."""
    from . import hosts

    hosts.invite(folder, None, node, ttl)


@app.command(epilog="Example: ganglion cloud release")
def release(folder: Folder = HERE) -> None:
    """On the cloud's host, beside `serve`: train, package and roll out the next release."""
    from . import hosts

    hosts.release(folder)


@app.command(epilog="Example: ganglion cloud serve")
def serve(folder: Folder = HERE, insecure: Insecure = False) -> None:
    """Run the cloud until it is told to end."""
    from ..core.label import Zone
    from . import hosts

    hosts.serve(folder, Zone.CLOUD, "", insecure)


@app.command(epilog="Example: ganglion cloud backup cloud.tar")
def backup(
    to: Annotated[str, typer.Argument(help="A new file, or - for the standard output.")], folder: Folder = HERE
) -> None:
    """Copy the cloud's keys, members and state, while it runs or not; `- | age -p > FILE` seals the copy."""
    from . import backups

    backups.take(folder, to)


@app.command(epilog="Example: ganglion cloud restore cloud.tar")
def restore(
    source: Annotated[str, typer.Argument(metavar="FROM", help="A file of `backup`, or - for the standard input.")],
    folder: Folder = HERE,
) -> None:
    """Make the cloud's folder again; it goes on above all that nodes have seen since the backup."""
    from . import backups

    backups.put_back(folder, source)
