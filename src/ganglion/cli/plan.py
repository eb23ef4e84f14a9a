"""`ganglion plan`: where every part of a model should run over a fleet's machines, why, and as a file and a picture."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import ConfigError
from .captured import captured
from .plan_inputs import calibration_of, chain_of, given_of, here_of, linked, node_of, tier_of
from .plan_shown import Shown, as_data, show_plan
from .screen import say, show_json

if TYPE_CHECKING:
    from ..core.fleet import Fleet, NodeId
    from ..core.timing import Timing
    from ..engine.onnx.captured import Captured
    from ..plan.cut import Chain, Explained, Limits, Places, PlanFile, Segments, Split

Named = Annotated[list[str] | None, typer.Option("--class", help="NODE=CLASS: a declared machine (profile --classes).")]
Files = Annotated[list[Path] | None, typer.Option("--profile", help="A profile measured on a node of that name.")]
Links = Annotated[list[Path] | None, typer.Option("--link", help="A link as `ganglion profile --link …` measured it.")]
Codecs = Annotated[list[str] | None, typer.Option("--codec", help="Also offer u8, u4, u2, or u4+deflate and so on.")]
Table = Annotated[Path | None, typer.Option("--calibration", help="What codecs lose, from `profile --calibration`.")]

NO_ACCURACY = (
    "no accuracy is known: a limit or an objective needs it; "
    "`ganglion profile MODEL --calibration EXAMPLES --out table.json` measures it, give it with --calibration"
)


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion plan net.onnx --fleet fleet.toml --objective latency --out plan.json")(plan)


def plan(
    model: Annotated[str, typer.Argument(help="An .onnx file, or model.py:build.")],
    fleet: Annotated[Path, typer.Option(help="The fleet's machines and links.")] = Path("fleet.toml"),
    start: Annotated[str, typer.Option("--from", help="The node where the input is; default: the first device.")] = "",
    objective: Annotated[str, typer.Option(help="latency, tail, energy, price, throughput or accuracy.")] = "latency",
    tier: Annotated[str, typer.Option(help="How private samples are: public, derived, edge or user.")] = "public",
    accuracy: Annotated[float, typer.Option(min=0.0, max=1.0, help="The least; it takes a --calibration.")] = 0.0,
    deadline: Annotated[float, typer.Option(min=0.0, help="Most seconds of any request; 0 = none.")] = 0.0,
    codec: Codecs = None,
    calibration: Table = None,
    classes: Named = None,
    profiles: Files = None,
    links: Links = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the plan.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to draw it.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="The whole cost, what comes next, and baselines.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it and the Pareto front, for a program.")] = False,
) -> None:
    """Cut a model over the machines from one node outwards; times are measured here where no profile is named."""
    from ..config import read_fleet
    from ..core.label import Zone
    from ..plan.cut import Limits, paths
    from ..plan.cut import explain as explained

    known = linked(read_fleet(fleet).fleet, links or [])
    limits = Limits(objective, tier_of(tier), deadline or float("inf"), accuracy)
    if calibration is None and (accuracy > 0.0 or objective == "accuracy"):
        raise ConfigError(NO_ACCURACY)
    node = node_of(known, start) if start else known.at(Zone.DEVICE)[0].id
    whole = captured(model)
    here, table = here_of(whole), calibration_of(calibration, whole)
    given = given_of(known, classes or [], profiles or [])
    chain, segments = chain_of(whole, here, given, ["raw", *(codec or [])], table)
    best = best_of(chain, known, node, limits)
    row = next(one for one in paths(known, node) if one.names == best.hosts)
    found = explained([chain], row, limits)
    _write(found, _text(whole, segments, found, [here, *given.values()], (chain, row, limits)), out, svg)
    shown = Shown(found, chain, list(paths(known, node))[-1], limits, table)
    show_json(as_data(shown)) if as_json else show_plan(shown, explain)


def best_of(chain: Chain, fleet: Fleet, node: NodeId, limits: Limits) -> Split:
    """The best way over every row of hosts. Raises ConfigError; where memory is what is missing, it says whose."""
    from ..plan.cut import explain, offload
    from ..plan.cut.places import paths

    try:
        return offload([chain], fleet, node, limits)[0]
    except ConfigError as error:
        roomy = replace(fleet, nodes=tuple(replace(one, memory_bytes=None) for one in fleet.nodes))
        try:
            hosts = offload([chain], roomy, node, limits)[0].hosts
        except ConfigError:
            raise error from None
        row = next(one for one in paths(roomy, node) if one.names == hosts)
        for part in explain([chain], row, limits).parts.hosts:
            has = next(one.memory_bytes for one in fleet.nodes if one.id == part.host)
            if has is not None and part.memory_bytes > has:
                raise ConfigError(
                    f"no way fits into memory: the best would take {part.memory_bytes:.0f} bytes on {part.host}, which "
                    f"has memory_bytes = {has}; name a larger machine above it, or a smaller model"
                ) from None
        raise error from None


def _write(found: Explained, text: str, out: Path | None, svg: Path | None) -> None:
    from .plan_picture import picture

    for file, held in ((out, text), (svg, picture(found))):
        if file is not None:
            file.write_text(held, "utf-8")
            say(f"written to {file}")


def _text(
    whole: Captured, segments: Segments, found: Explained, timings: list[Timing], asked: tuple[Chain, Places, Limits]
) -> str:
    from ..core.ref import digest_of
    from ..engine.profiles import timing_to_text
    from ..plan.cut import PlanFile

    chain, row, limits = asked
    plan = found.plan
    wires = [(link.name, wire.codec if wire else "raw") for link, wire in zip(row.links, plan.wires, strict=True)]
    profile = digest_of("".join(timing_to_text(one) for one in timings).encode())
    file = PlanFile.of(segments.cut(plan.cut), whole.model, plan.hosts, wires, profile, found.why)
    file = replace(file, expected=tuple(asdict(plan.figures).items()))
    return _followed(file, segments, chain, row, limits).text()


def _followed(file: PlanFile, segments: Segments, chain: Chain, row: Places, limits: Limits) -> PlanFile:
    """With the ways to change to, where the objective is one that lines over the rate can tell."""
    from ..plan.cut import PlannedWay, alternatives, round_trip_s

    if not row.links or limits.objective != "latency" or limits.deadline_s < float("inf"):
        return file
    ways = []
    for one in alternatives([chain], row, limits):
        wires = tuple(wire.codec if wire else "raw" for wire in one.split.wires)
        name = f"{'-'.join(map(str, one.split.cut))} {' '.join(wires)}" if one.sent_bytes else "all here"
        ways.append(PlannedWay(name, segments.cut(one.split.cut).places, wires, one.near_s, one.far_s, one.sent_bytes))
    return replace(file, round_trip_s=round_trip_s(chain, row), ways=tuple(ways))
