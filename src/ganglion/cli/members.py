"""`ganglion cloud members|person|disable|enable|remove|rotate|root-key`: who belongs to it, on the cloud's host."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from .screen import say, show, show_table

Folder = Annotated[Path, typer.Option(help="The project's folder.")]
Member = Annotated[str, typer.Argument(help="A node or person that has joined.")]
Offline = Annotated[Path | None, typer.Option(help="Folder of the keys that are kept offline; by default the cloud's.")]
HERE = Path(".")


class Step(StrEnum):
    """Steps of a rotation, in order; the first replaces the issuing authority alone and is followed by the last."""

    ISSUER = "issuer"
    BEGIN = "begin"
    SWITCH = "switch"
    FINISH = "finish"


class Person(StrEnum):
    """Roles that a person can have."""

    OPERATOR = "operator"
    OWNER = "owner"


def add_to(app: typer.Typer) -> None:
    """Puts these commands beside the cloud's others."""
    app.command(epilog="Example: ganglion cloud members")(members)
    app.command(epilog="Example: ganglion cloud person alice --role operator")(person)
    app.command(epilog="Example: ganglion cloud disable edge-1")(disable)
    app.command(epilog="Example: ganglion cloud enable edge-1")(enable)
    app.command(epilog="Example: ganglion cloud remove edge-1")(remove)
    app.command(epilog="Example: ganglion cloud rotate --step issuer --offline /media/keys")(rotate)
    app.command(name="root-key", epilog="Example: ganglion cloud root-key 2 --offline /media/keys")(root_key)


def members(folder: Folder = HERE) -> None:
    """Show who has joined, who is kept out, and who has not renewed since the last rotation."""
    from ..live.identity.members import read_members

    known = read_members(_home(folder))
    rows = [[name, one.standing, one.key_sha256[:12], one.epoch == known.epoch] for name, one in known.by_name.items()]
    show_table(["member", "standing", "key", "renewed"], rows)


def person(
    name: Annotated[str, typer.Argument(help="Whom to invite to a console.")],
    role: Annotated[Person, typer.Option(help="What they may do.")] = Person.OPERATOR,
    folder: Folder = HERE,
    ttl: Annotated[float, typer.Option(min=1.0, help="Seconds that the token is good for.")] = 3600.0,
) -> None:
    """Print a token that lets one person's console in, once."""
    from ..live.identity.authority import invite_person
    from ..protect.access import Role

    show(invite_person(_home(folder), name, Role[role.name], ttl))
    say(f"it lets {name} in once as {role.value}, within {ttl:g} s: `ganglion console join {name} --token …` there")


def disable(name: Member, folder: Folder = HERE) -> None:
    """Keep a member out; its connections end at once."""
    from ..live.identity.members import DISABLED

    _change(folder, name, DISABLED)


def enable(name: Member, folder: Folder = HERE) -> None:
    """Let a disabled member in again."""
    from ..live.identity.members import ENROLLED

    _change(folder, name, ENROLLED)


def remove(name: Member, folder: Folder = HERE) -> None:
    """Decommission a member for good: its key is never accepted again."""
    from ..live.identity.members import GONE

    _change(folder, name, GONE)
    say(f"on its own host delete the folder of {name}: with its keys, what it has sealed is gone too")


def rotate(
    step: Annotated[Step, typer.Option(help="Which step; all nodes renew between two of them.")],
    folder: Folder = HERE,
    anyway: Annotated[bool, typer.Option("--anyway", help="Though some nodes have not renewed.")] = False,
    offline: Offline = None,
) -> None:
    """Replace the issuing authority (issuer, finish), or it and the root (begin, switch, finish), while the fleet runs.

    A node renews within seconds of each step; `ganglion cloud members` shows who has. Keys of roots belong on another
    medium: bring it for the step issuer, and take the new key of the step begin away.
    """
    from ..live.identity.rotation import rotate as one_step

    say(one_step(_home(folder), step.value, anyway, offline))


def root_key(
    lost: Annotated[int, typer.Argument(min=1, max=3, help="Which of the three keys is lost, stolen or due.")],
    folder: Folder = HERE,
    offline: Offline = None,
) -> None:
    """Replace one of the three offline keys that vouch for metadata about releases; two of the three must be there.

    First bring the medium with the other two keys (metadata-root-N.key) and name its folder with --offline. The new key
    is written there: put the medium away again. Nodes follow of themselves, by the two keys that they know. What is
    signed so is good for another year: do it once a year, and at once when a key is lost.
    """
    from ..live.identity.rotation import replace_root_key

    say(replace_root_key(_home(folder), lost, offline))


def _change(folder: Path, name: str, standing: str) -> None:
    from ..live.identity.authority import Authority

    Authority.load(_home(folder)).change(name, standing)
    say(f"{name} is {standing}")


def _home(folder: Path) -> Path:
    from .folder import load_declared
    from .hosts import node_home

    return node_home(folder, load_declared(folder).fleet.cloud.id)
