"""`ganglion console`: a person's place away from the cloud's host, with a certificate of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .screen import say, show_table

app = typer.Typer(help="A person's console: join the fleet, see the cloud.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Under which name `cloud person` invited.")]
Token = Annotated[str, typer.Option(envvar="GANGLION_TOKEN", help="What `cloud person` printed.")]
At = Annotated[str, typer.Option(help="Where the cloud is reached, as host:port.")]
Folder = Annotated[Path, typer.Option(help="Folder of this console's key and certificate.")]
OWN = Path("~/.ganglion-console")


@app.command(epilog="Example: ganglion console join alice --token $TOKEN --at cloud.example:7400")
def join(name: Name, token: Token, at: At, folder: Folder = OWN) -> None:
    """Make a key here and trade the token for a certificate."""
    from ..live.agent import new_loop
    from ..live.identity.join import join_as

    place, loop = folder.expanduser(), new_loop()()
    try:
        loop.run_until_complete(join_as(token, address_of(at), name, place))
    finally:
        loop.close()
    say(f"{name} has joined; key and certificate are in {place}")


@app.command(epilog="Example: ganglion console renew --at cloud.example:7400")
def renew(at: At, folder: Folder = OWN) -> None:
    """Trade the certificate here for a fresh one: once a month, and when the fleet's owner replaces the root."""
    from ..live.agent import new_loop
    from ..live.identity.certificates import certificate_of_bytes
    from ..live.identity.files import NODE_CERT
    from ..live.identity.join import renew_person

    place, loop = folder.expanduser(), new_loop()()
    try:
        loop.run_until_complete(renew_person(place, address_of(at)))
    finally:
        loop.close()
    ends = certificate_of_bytes((place / NODE_CERT).read_bytes()).not_valid_after_utc
    say(f"the certificate in {place} is good until {ends:%Y-%m-%d}")


@app.command(epilog="Example: ganglion console status --at cloud.example:7400")
def status(at: At, folder: Folder = OWN) -> None:
    """Show how the cloud is, as far as this person may see."""
    from dataclasses import asdict

    from ..live.admin_messages import AskStatus
    from ..live.console import ConsoleClient

    seen = asdict(ConsoleClient(folder.expanduser(), address_of(at)).ask(AskStatus()))
    show_table(["", "value"], [[name, seen[name]] for name in ("node", "uptime_s", "release", "waiting", "errors")])


def address_of(text: str) -> tuple[str, int]:
    """Host and port. Raises ConfigError."""
    from ..core.errors import ConfigError

    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--at {text!r}: it must be host:port; such as cloud.example:7400")
    return host, int(port)
