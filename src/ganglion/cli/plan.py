"""`ganglion plan`: where every part of a model should run over a fleet's machines, why, and as a file and a picture."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..core.errors import ConfigError, NotFound
from .captured import CACHE, captured
from .screen import say, show, show_json, show_table

if TYPE_CHECKING:
    from ..core.fleet import Node, NodeId
    from ..core.timing import Timing
    from ..engine.onnx.captured import Captured
    from ..plan.cut import Chain, Explained, Places, Segments

Named = Annotated[list[str] | None, typer.Option("--class", help="NODE=CLASS: a declared machine (profile --classes).")]
Files = Annotated[list[Path] | None, typer.Option("--profile", help="A profile measured on a node of that name.")]
Codecs = Annotated[
    list[str] | None, typer.Option("--codec", help="Also offer u8, u4 or u2; their loss is yours to check.")
]


def add_to(app: typer.Typer) -> None:
    """Puts this noun's commands on the command line."""
    app.command(epilog="Example: ganglion plan net.onnx --fleet fleet.toml --objective latency --out plan.json")(plan)


def plan(
    model: Annotated[str, typer.Argument(help="An .onnx file, or model.py:build.")],
    fleet: Annotated[Path, typer.Option(help="The fleet's machines and links.")] = Path("fleet.toml"),
    start: Annotated[str, typer.Option("--from", help="The node where the input is; default: the first device.")] = "",
    objective: Annotated[str, typer.Option(help="latency, tail, energy, price or throughput.")] = "latency",
    tier: Annotated[str, typer.Option(help="How private samples are: public, derived, edge or user.")] = "public",
    codec: Codecs = None,
    classes: Named = None,
    profiles: Files = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the plan.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to draw it.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Every part of the cost, and what comes next.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All of it, for a program.")] = False,
) -> None:
    """Cut a model over the machines from one node outwards; times are measured here where no profile is named."""
    from ..config import read_fleet
    from ..core.label import Tier, Zone
    from ..plan.cut import Limits, offload
    from ..plan.cut import explain as explained
    from ..plan.cut.places import paths

    declared = read_fleet(fleet)
    if tier.upper() not in Tier.__members__:
        raise ConfigError(
            f"--tier {tier}: it must be one of public, derived, edge, user; public may be answered anywhere"
        )
    node = _node(declared.fleet, start) if start else declared.fleet.at(Zone.DEVICE)[0].id
    whole = captured(model)
    here = _here(whole)
    given = _given(declared.fleet, classes or [], profiles or [])
    chain, segments = chain_of(whole, here, given, ["raw", *(codec or [])])
    limits = Limits(objective, Tier[tier.upper()])
    best = offload([chain], declared.fleet, node, limits)[0]
    row = next(one for one in paths(declared.fleet, node) if one.names == best.hosts)
    found = explained([chain], row, limits)
    _write(found, _text(whole, segments, found, [here, *given.values()], row), out, svg)
    if as_json:
        show_json(asdict(found))
    else:
        _print(found, explain)


def chain_of(whole: Captured, here: Timing, given: dict[str, Timing], codecs: list[str]) -> tuple[Chain, Segments]:
    """A captured model as the planner takes it; no accuracy is known here, so none is counted as lost."""
    import numpy as np

    from ..live.stopwatch import time_codec
    from ..pack import codec as codec_named
    from ..plan.cut import Chain, Graph, Segments

    segments = Segments.of_graph(Graph.of(whole.model))
    shapes = {kernel.name: kernel.out_shape for kernel in whole.model.kernels}
    rng = np.random.default_rng(0)
    count = len(segments.boundaries)
    cells = np.zeros((3, len(codecs), count))
    for at, name in enumerate(segments.boundaries):
        sizes = [whole.example[one].shape for one in whole.model.inputs] if at == 0 else [shapes[name]]
        arrays = [rng.normal(size=shape).astype(np.float32) for shape in sizes]
        for row, one in enumerate(codecs):
            cells[:, row, at] = np.sum([time_codec(codec_named(one), array) for array in arrays], axis=0)
    shares = np.zeros((1, count))
    shares[0, -1] = 1.0
    measured = {node: segments.sum(np.array(one.kernel_s(whole.model))) for node, one in given.items()}
    made = Chain(
        "as captured", whole.model.weights, segments.boundaries, segments.sum(np.array(here.kernel_s(whole.model))),
        tuple(_wire(one) for one in codecs), cells[0], cells[1:], np.zeros((1, len(codecs), count)), ((),), shares,
        np.ones(1), segments.weight_bytes, segments.peak_bytes, measured=measured,
    )  # fmt: skip
    return made, segments


def _write(found: Explained, text: str, out: Path | None, svg: Path | None) -> None:
    from .plan_picture import picture

    for file, held in ((out, text), (svg, picture(found))):
        if file is not None:
            file.write_text(held, "utf-8")
            say(f"written to {file}")


def _wire(codec: str) -> Any:
    from ..pack import codec as codec_named
    from ..plan.cut import Wire

    return Wire(32 if codec == "raw" else int(codec_named(codec).name[1]), codec)


def _here(whole: Captured) -> Timing:
    from ..core.timing import Watts
    from ..live.stopwatch import profile

    return profile(whole, "here", CACHE.expanduser(), Watts(), lambda done, turns: None)


def _given(fleet: Any, classes: list[str], files: list[Path]) -> dict[str, Timing]:
    """Timings by node, from --class and --profile."""
    from ..engine.profiles import node_class, timing_of_text

    found: dict[str, Timing] = {}
    for pair in classes:
        name, _, kind = pair.partition("=")
        found[_node(fleet, name)] = node_class(kind)
    for file in files:
        if not file.is_file():
            raise NotFound(f"no profile {file}: times are read from there; `ganglion profile MODEL --out {file}`")
        timing = timing_of_text(file.read_text("utf-8"), str(file))
        found[_node(fleet, timing.node)] = timing
    return found


def _node(fleet: Any, name: str) -> NodeId:
    node: Node = fleet.node(name)
    return node.id


def _text(whole: Captured, segments: Segments, found: Explained, timings: list[Timing], row: Places) -> str:
    from ..core.ref import digest_of
    from ..engine.profiles import timing_to_text
    from ..plan.cut import PlanFile

    plan = found.plan
    wires = [(link.name, wire.codec if wire else "raw") for link, wire in zip(row.links, plan.wires, strict=True)]
    profile = digest_of("".join(timing_to_text(one) for one in timings).encode())
    file = PlanFile.of(segments.cut(plan.cut), whole.model, plan.hosts, wires, profile, found.why)
    return replace(file, expected=tuple(asdict(plan.figures).items())).text()


def _print(found: Explained, explain: bool) -> None:
    hosts = [
        (
            one.host,
            f"{one.segments[0]}-{one.segments[1]}",
            1e3 * one.compute_s,
            1e3 * one.codec_s,
            one.memory_bytes / 1e6,
        )
        for one in found.parts.hosts
    ]
    show_table(["host", "segments", "compute ms", "codec ms", "memory MB"], hosts)
    links = [
        (one.link, one.tensor, str(one.wire or ""), one.bytes / 1e3, 1e3 * one.whole_s) for one in found.parts.links
    ]
    if links:
        show_table(["link", "tensor", "wire", "kB", "ms, there and back"], links)
    show(f"expected: {json.dumps({key: round(value, 6) for key, value in asdict(found.plan.figures).items()})}")
    if explain:
        show(found.why)
        if (second := found.next_best) is not None:
            show(f"next best: {second.cut} over {', '.join(second.hosts)}, behind by {found.behind:.4g}")
        show(f"regret at most {found.regret} if every part is within 5 % of the truth")
