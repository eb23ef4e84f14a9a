"""`ganglion edge` and `ganglion device`: a node below the cloud, on a host of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .screen import Output

Node = Annotated[str, typer.Argument(help="Its id in fleet.toml; may be left out where there is only one.")]
Folder = Annotated[Path, typer.Option(help="The project's folder.")]
Ttl = Annotated[float, typer.Option(min=1.0, help="Seconds that the token is good for.")]
Token = Annotated[str, typer.Option(envvar="GANGLION_TOKEN", help="What `invite` printed on the cloud's host.")]
Insecure = Annotated[bool, typer.Option("--insecure", help="On the cloud's own machine alone: join without a token.")]
User = Annotated[bool, typer.Option("--user", help="Into this user's services instead of the machine's.")]
Address = Annotated[str, typer.Option(help="Where the cloud is reached; default: as fleet.toml says.")]
HERE = Path(".")


def group(noun: str) -> typer.Typer:
    """The commands of one zone, `noun` in small letters."""
    one = f"{'An' if noun[0] in 'aeiou' else 'A'} {noun}"
    app = typer.Typer(help=f"{one} on a host of its own: invite it, join, serve.", no_args_is_help=True)

    @app.command(
        help=f"On the cloud's host: print a token that lets this {noun} in, once.",
        epilog=f"Example: ganglion {noun} invite {noun}-1 --ttl 600",
    )
    def invite(node: Node = "", folder: Folder = HERE, ttl: Ttl = 3600.0) -> None:
        from ..core.label import Zone
        from . import hosts

        hosts.invite(folder, Zone[noun.upper()], node, ttl)

    @app.command(
        help=f"On the {noun}'s host: make its key here and trade the token for a certificate.",
        epilog=f"Example: ganglion {noun} join {noun}-1 --token $TOKEN",
    )
    def join(
        node: Node = "", token: Token = "", folder: Folder = HERE, address: Address = "", insecure: Insecure = False
    ) -> None:
        from ..core.label import Zone
        from . import hosts

        hosts.join(folder, Zone[noun.upper()], node, token, address, insecure)

    @app.command(help=f"Run this {noun} until it is told to end.", epilog=f"Example: ganglion {noun} serve {noun}-1")
    def serve(node: Node = "", folder: Folder = HERE) -> None:
        from ..core.label import Zone
        from . import hosts

        hosts.serve(folder, Zone[noun.upper()], node)

    _add_install(app, noun)
    if noun == "device":
        _add_sense(app)
    return app


def _add_sense(app: typer.Typer) -> None:
    @app.command(epilog="Example: ganglion device sense device-1 --rate 5 --count 100")
    def sense(
        node: Node = "",
        folder: Folder = HERE,
        source: Annotated[str, typer.Option(help="Which of its sources, as data.py names them.")] = "stream",
        rate: Annotated[float, typer.Option(min=0.01, max=500.0, help="Samples in a second.")] = 5.0,
        count: Annotated[int, typer.Option(min=0, help="How many; 0: until Ctrl-C.")] = 0,
        output: Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")] = Output.TABLE,
    ) -> None:
        """Let a running device's sensor read, and say what became of its samples."""
        from ..core.label import Zone
        from . import sensing
        from .folder import state_of
        from .nodes import node_folder

        place = node_folder(state_of(folder), node, Zone.DEVICE)
        sensing.sense(place, source, count, rate, output is Output.JSON)


def _add_install(app: typer.Typer, noun: str) -> None:
    @app.command(
        help=f"On the {noun}'s host: write a service, so that it runs again after a reboot.",
        epilog=f"Example: ganglion {noun} install {noun}-1 --user",
    )
    def install(node: Node = "", folder: Folder = HERE, user: User = False) -> None:
        from ..core.label import Zone
        from . import service

        service.install(folder, Zone[noun.upper()], node, user)
