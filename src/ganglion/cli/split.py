"""`ganglion split`: a planned model over machines in a row: serve one place, or ask from where the input is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError, NotFound
from .captured import captured
from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..engine.onnx.captured import Captured
    from ..live.identity.node import Identity
    from ..live.split.asked import Reply
    from ..live.split.hops import Seat
    from ..plan.cut import PlanFile

app = typer.Typer(help="Run a model split over machines, as a plan says.", no_args_is_help=True)
Plan = Annotated[Path, typer.Option(help="What `ganglion plan --out` wrote.")]
Folder = Annotated[Path, typer.Option(help="The project's folder: fleet.toml, and identities in .ganglion.")]
HERE, PLAN, WEIGHTS, WAY = Path("."), Path("plan.json"), "weights", "plan"


@app.command(epilog="Example: ganglion split serve --plan plan.json --place 1")
def serve(
    place: Annotated[int, typer.Option(min=1, help="Which place of the plan; 0 is who asks.")],
    plan: Plan = PLAN,
    folder: Folder = HERE,
) -> None:
    """Serve one place until told to end. It needs no model: graphs and weights come from the place before, once."""
    from ..live.split.run import serve_place
    from .hosts import node_home

    known, seats = _planned(plan, folder)
    if place >= len(seats):
        raise ConfigError(f"--place {place}: the plan has places 0 to {len(seats) - 1} ({', '.join(known.hosts)})")
    home = node_home(folder, seats[place].node)
    serve_place(_identity(home), seats, place, home / WEIGHTS, lambda port: say(f"place {place} listens on {port}"))


@app.command(epilog="Example: ganglion split ask net.onnx --plan plan.json --input x.npy")
def ask(
    model: Annotated[str, typer.Argument(help="The model that was planned: an .onnx file, or model.py:build.")],
    plan: Plan = PLAN,
    folder: Folder = HERE,
    given: Annotated[Path | None, typer.Option("--input", help="A .npy array; default: the model's example.")] = None,
    requests: Annotated[int, typer.Option(min=1, help="How many, all in flight at once.")] = 1,
    deadline: Annotated[float, typer.Option(min=0.001, help="Seconds that an answer may take.")] = 10.0,
    tier: Annotated[str, typer.Option(help="How private it is: public, derived, edge or user.")] = "public",
    output: Annotated[Output, typer.Option("--output", "-o", help="How the answers are printed.")] = Output.TABLE,
) -> None:
    """Ask a split model from where the input is; without an answer in time it answers here, as deep as it can."""
    from ..core.label import Tier
    from ..live.split.run import Asking, ask_all
    from .hosts import node_home

    if tier.upper() not in Tier.__members__:
        raise ConfigError(
            f"--tier {tier}: it must be one of public, derived, edge, user; public may be answered anywhere"
        )
    whole = captured(model)
    known, seats = _planned(plan, folder)
    cut = known.cut(whole.model)
    codecs = tuple(wire for _, _, wire in known.crossings)
    identity = _identity(node_home(folder, seats[0].node))
    asking = Asking(_inputs(whole, given), requests, deadline, Tier[tier.upper()])
    fetched, replies = ask_all(whole, identity, seats, (cut, codecs), asking)
    say(f"{fetched} bytes of weights were fetched for this plan")
    rows = [_row(reply) for reply in replies]
    if output is Output.JSON:
        show_json(rows)
    else:
        show_table(list(rows[0]), [list(row.values()) for row in rows])


def _planned(plan: Path, folder: Path) -> tuple[PlanFile, tuple[Seat, ...]]:
    """The plan, and its places as the fleet file has them."""
    from ..config import FLEET, read_fleet
    from ..live.split.hops import Seat
    from ..plan.cut import PlanFile

    if not plan.is_file():
        raise NotFound(f"no plan {plan}: places are read from it; write one with `ganglion plan MODEL --out {plan}`")
    text = plan.read_text("utf-8")
    try:
        told: dict[str, Any] = json.loads(text)
        known = PlanFile.read(text, str(told["model"]), str(told["profile"]))  # who asks has the model and checks it
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{plan} is no plan: {error!r}; write one with `ganglion plan MODEL --out {plan}`") from error
    declared = read_fleet(folder / FLEET)
    seats = []
    for number, host in enumerate(known.hosts):
        node = next((one for one in declared.fleet.nodes if one.id == host), None)
        if node is None:
            raise NotFound(f"no node {host!r} in {folder / FLEET}: the plan names it; plan again for this fleet")
        at = declared.addresses.get(node.id)
        if at is None and number:
            raise ConfigError(f'node {host!r} has no address: place {number} must be found; add address = "host:port"')
        seats.append(Seat(node.id, node.zone, *(("", 0) if at is None else (at.host, at.port))))
    return known, tuple(seats)


def _identity(home: Path) -> Identity:
    from ..live.identity.node import Identity

    return Identity.load(home)


def _inputs(whole: Captured, given: Path | None) -> dict[str, Any]:
    import numpy as np

    if given is None:
        return dict(whole.example)
    if len(whole.model.inputs) != 1:
        raise ConfigError(
            f"--input {given}: the model takes {', '.join(whole.model.inputs)}; only one can be given here"
        )
    if not given.is_file():
        raise NotFound(f"no file {given}: the input is read from there; correct its path")
    (name,) = whole.model.inputs
    return {name: np.load(given, allow_pickle=False).astype(whole.example[name].dtype)}


def _row(reply: Reply) -> dict[str, Any]:
    told = {name: int(array.reshape(-1).argmax()) for name, array in reply.outputs.items()}
    return {
        "likeliest": " ".join(f"{name}:{at}" for name, at in told.items()),
        "way": reply.way or "here alone",
        "took ms": 1e3 * reply.took_s,
        "link ms": 1e3 * reply.link_s,
        "beyond ms": 1e3 * reply.beyond_s,
        "sent bytes": reply.sent_bytes,
        "degraded": reply.degraded,
    }
