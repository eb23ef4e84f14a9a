"""`ganglion split`: a planned model over machines in a row: serve one place, or ask from where the input is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError, NotFound
from .captured import captured
from .plan_inputs import tier_of
from .screen import Output, say, show_json, show_table

if TYPE_CHECKING:
    from ..engine.onnx.captured import Captured
    from ..live.identity.node import Identity
    from ..live.split.asked import Reply
    from ..live.split.hops import Seat
    from ..live.split.run import Opening
    from ..plan.cut import PlanFile

app = typer.Typer(help="Run a model split over machines, as a plan says.", no_args_is_help=True)
Plan = Annotated[Path, typer.Option(help="What `ganglion plan --out …` wrote.")]
Folder = Annotated[Path, typer.Option(help="The project's folder: fleet.toml, and identities in .ganglion.")]
HERE, PLAN, WEIGHTS, WAY = Path("."), Path("plan.json"), "weights", "plan"


@app.command(epilog="Example: ganglion split serve --plan plan.json --place 1")
def serve(
    place: Annotated[int, typer.Option(min=1, help="Which place of the plan; 0 is who asks.")],
    plan: Plan = PLAN,
    folder: Folder = HERE,
) -> None:
    """Serve one place until told to end. It needs no model: graphs and weights come from the place before, once.

    Started again after a crash, it is given its cuts again by who asks, and the weights that it kept do not move.
    """
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
    requests: Annotated[int, typer.Option(min=1, help="How many.")] = 1,
    period: Annotated[float, typer.Option(min=0.0, help="Seconds between two; 0: all are in flight at once.")] = 0.0,
    replan: Annotated[bool, typer.Option(help="Change the way as the link does, if the plan holds several.")] = True,
    deadline: Annotated[float, typer.Option(min=0.001, help="Seconds that an answer may take.")] = 10.0,
    tier: Annotated[str, typer.Option(help="How private it is: public, derived, edge or user.")] = "public",
    output: Annotated[Output, typer.Option("--output", "-o", help="How the answers are printed.")] = Output.TABLE,
) -> None:
    """Ask a split model from where the input is; without an answer in time it answers here, as deep as it can."""
    from ..live.split.run import Asking, ask_all
    from .hosts import node_home

    whole = captured(model)
    known, seats = _planned(plan, folder)
    _fits(whole, known, folder)
    asking = Asking(_inputs(whole, given), requests, deadline, tier_of(tier), period)
    identity = _identity(node_home(folder, seats[0].node))
    fetched, replies = ask_all(whole, identity, seats, _opening(whole, known, replan), asking)
    say(f"{fetched} bytes of weights were fetched for this plan")
    rows = [_row(reply) for reply in replies]
    if output is Output.JSON:
        show_json(rows)
    else:
        show_table(list(rows[0]), [list(row.values()) for row in rows])


def _opening(whole: Captured, known: PlanFile, replan: bool) -> Opening:
    """All ways of the plan, of which the fastest is looked up; or the plan alone."""
    from ..core.cut import Cut
    from ..live.split.run import Opening
    from ..watch import Way, Ways

    cut = known.cut(whole.model)
    if not replan or len(known.ways) < 2:
        return Opening(((WAY, cut, tuple(wire for _, _, wire in known.crossings)),))
    cuts = tuple((way.name, Cut(way.at, known.model), way.wires) for way in known.ways)
    lines = [Way(way.name, way.near_s, way.far_s, way.sent_bytes) for way in known.ways]
    return Opening(cuts, Ways.of(lines, known.round_trip_s))


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


def _fits(whole: Captured, known: PlanFile, folder: Path) -> None:
    """Raises ConfigError where the weights alone of some stage are more than its machine has memory for."""
    from ..config import FLEET, read_fleet

    fleet = read_fleet(folder / FLEET).fleet
    rows = [
        dict(known.kernels),
        *({one: known.hosts[at] for (one, _), at in zip(known.kernels, way.at, strict=True)} for way in known.ways),
    ]
    for host in known.hosts:
        has = next(node.memory_bytes for node in fleet.nodes if node.id == host)
        needs = max(sum(one.param_bytes for one in whole.model.kernels if at[one.name] == host) for at in rows)
        if has is not None and needs > has:
            raise ConfigError(
                f"the plan's stage on {host} holds {needs} bytes of weights: it has memory_bytes = {has} in "
                f"{folder / FLEET}; plan again for this fleet"
            )


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
    try:
        return {name: np.load(given, allow_pickle=False).astype(whole.example[name].dtype)}
    except (ValueError, TypeError, EOFError) as error:
        raise ConfigError(f"--input {given} holds no array of numbers: {error}; write it with numpy.save") from error


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
