"""`ganglion model`: the releases of a fleet, their aliases, and where each comes from; running or from its folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..live.models import ModelStore

app = typer.Typer(help="The model store: list, show, name, explain.", no_args_is_help=True)
Which = Annotated[str, typer.Argument(help="A release by its number, an alias, or the beginning of a digest.")]
Folder = Annotated[Path, typer.Option(help="The project's folder, or one that `demo --keep` left.")]
Node = Annotated[str, typer.Option(help="Whose store; default: the cloud's.")]
At = Annotated[str, typer.Option(help="Ask a cloud elsewhere, as host:port, with this console's certificate.")]
Console = Annotated[Path, typer.Option(help="Folder of this console's key and certificate.")]
As = Annotated[Output, typer.Option("--output", "-o", help="How it is printed.")]
HERE, OWN = Path("."), Path("~/.ganglion-console")
HEADS = ("release", "aliases", "parent", "trigger", "size", "active", "whole", "manifest")


@app.command(epilog="Example: ganglion model ls --folder myproject")
def ls(folder: Folder = HERE, node: Node = "", at: At = "", console: Console = OWN, output: As = Output.TABLE) -> None:
    """List releases, newest first."""
    from dataclasses import asdict

    from ..live.admin_messages import AskModels

    seen = _ask(AskModels(), lambda store: store.all(), (folder, node, at, console))
    if output is Output.JSON:
        show_json(asdict(seen))
        return
    show_table(HEADS, [_cells(row) for row in seen.rows])
    for kind, size_bytes in seen.disk:
        say(f"{kind}: {size_bytes / 1e6:.1f} MB on its disk")


@app.command(epilog="Example: ganglion model show champion --folder myproject")
def show(
    which: Which, folder: Folder = HERE, node: Node = "", at: At = "", console: Console = OWN, output: As = Output.TABLE
) -> None:
    """Show one release and how it was evaluated."""
    from dataclasses import asdict

    from ..live.admin_messages import ExplainModel

    seen = _ask(ExplainModel(which), lambda store: store.explain(which), (folder, node, at, console)).model
    if output is Output.JSON:
        show_json(asdict(seen))
        return
    show_table(["", "value"], [*zip(HEADS, _cells(seen), strict=True), *seen.evaluation])


@app.command(epilog="Example: ganglion model alias champion 3 --folder myproject")
def alias(
    name: Annotated[str, typer.Argument(help="The alias.")],
    which: Annotated[str, typer.Argument(help="The release; leave it out to take the alias away.")] = "",
    folder: Folder = HERE,
    node: Node = "",
    at: At = "",
    console: Console = OWN,
) -> None:
    """Let a name stand for a release."""
    from ..live.admin_messages import NameModel

    _ask(NameModel(name, which), None, (folder, node, at, console))
    say(f"{name} stands for release {which}" if which else f"{name} stands for nothing any more")


@app.command(epilog="Example: ganglion model explain 3 --folder myproject")
def explain(
    which: Which, folder: Folder = HERE, node: Node = "", at: At = "", console: Console = OWN, output: As = Output.TABLE
) -> None:
    """Show where a release comes from: parents, data, trigger, who approved it, and what became of it."""
    from dataclasses import asdict

    from ..core.label import Tier
    from ..live.admin_messages import ExplainModel

    seen = _ask(ExplainModel(which), lambda store: store.explain(which), (folder, node, at, console))
    if output is Output.JSON:
        show_json(asdict(seen))
        return
    rows = [("release", seen.model.counter), ("trigger", seen.model.trigger), ("tier", Tier(seen.tier).name.lower())]
    rows += [("ancestors", " <- ".join(map(str, seen.ancestors)) or "none")]
    rows += [("approved by", who) for who in seen.approvers]
    rows += [(what, digest[:16]) for what, digest in seen.data]
    rows += [("rolled out", step) for step in seen.steps]
    show_table(["", "value"], rows)


@app.command(epilog="Example: ganglion model export champion --to ./champion --folder myproject")
def export(
    which: Which,
    to: Annotated[Path, typer.Option(help="A new folder.")],
    folder: Folder = HERE,
) -> None:
    """Write a release as files, signed so that `model_signing verify certificate` checks them, on the cloud's host."""
    from ..core.label import Zone
    from ..live.export import ROOTS, export
    from ..node.bodies import make_codec
    from .folder import state_of
    from .nodes import node_folder

    release = export(node_folder(state_of(folder), "", Zone.CLOUD), which, to, make_codec())
    say(f"release {release.counter} is in {to}; check it with `model_signing verify certificate {to}")
    say(f"  --signature {to}/model.sig --certificate_chain {to.with_name(f'{to.name}.{ROOTS}')}`")


def _cells(row: Any) -> tuple[object, ...]:
    size = f"{row.size_bytes / 1e3:.0f} kB"
    names = " ".join(row.aliases)
    return row.counter, names, row.parent or None, row.trigger, size, row.active, row.whole, row.manifest[:12]


def _ask(request: Any, offline: Callable[[ModelStore], Any] | None, where: tuple[Path, str, str, Path]) -> Any:
    """From a cloud elsewhere, a node that runs here, or a folder whose node does not run."""
    from ..core.errors import Unreachable
    from ..core.label import Zone
    from ..live.admin import AdminClient
    from .folder import state_of
    from .nodes import node_folder

    folder, node, at, console = where
    if at:
        from ..live.console import ConsoleClient
        from .console import address_of

        return ConsoleClient(console.expanduser(), address_of(at)).ask(request)
    home = node_folder(state_of(folder), node, Zone.CLOUD)
    try:
        with AdminClient(home) as client:
            return client.ask(request)
    except Unreachable:
        if offline is None:
            raise
    return offline(_store(home))


def _store(home: Path) -> ModelStore:
    """The store of a node that does not run; it can be read alone."""
    from ..core.errors import NotFound
    from ..live.agent_file import STATE
    from ..live.equip import WorkerDisk
    from ..live.identity.vault import LocalVault
    from ..live.models import ModelStore
    from ..node.bodies import make_codec

    if not (home / STATE / "state.db").exists():
        raise NotFound(f"no state in {home}: its node has never run; start it first")
    return ModelStore(WorkerDisk(home / STATE, LocalVault(home)), make_codec())
