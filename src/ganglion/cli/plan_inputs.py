"""What a plan is made from: times, links and accuracies, each from a file where one is named, else measured here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import ConfigError, NotFound
from .captured import CACHE

if TYPE_CHECKING:
    from ..core.fleet import Fleet, Node, NodeId
    from ..core.label import Tier
    from ..core.timing import Timing
    from ..engine.onnx.captured import Captured
    from ..live.calibration import Calibration
    from ..plan.cut import Chain, Segments, Wire


def chain_of(
    whole: Captured, here: Timing, given: dict[str, Timing], codecs: list[str], known: Calibration | None
) -> tuple[Chain, Segments]:
    """A captured model as the planner takes it. Without a calibration no accuracy is known, so none counts as lost."""
    import numpy as np

    from ..plan.cut import Chain, Graph, Segments

    segments = Segments.of_graph(Graph.of(whole.model))
    count = len(segments.boundaries)
    cells = _cells(whole, segments, codecs)
    drop = np.zeros((1, len(codecs), count))
    for row, codec in enumerate(codecs):
        for at, name in enumerate(segments.boundaries):
            effect = None if known is None else known.at(name, codec)
            if effect is not None:
                cells[0, row, at], drop[0, row, at] = effect.sent_bytes, max(effect.loss, 0.0)
            elif known is not None and not codec.startswith("raw"):
                cells[0, row, at] = np.inf  # what it loses there was not measured
    shares = np.zeros((1, count))
    shares[0, -1] = 1.0
    measured = {node: segments.sum(np.array(one.kernel_s(whole.model))) for node, one in given.items()}
    made = Chain(
        "as captured", whole.model.weights, segments.boundaries, segments.sum(np.array(here.kernel_s(whole.model))),
        tuple(wire_of(one) for one in codecs), cells[0], cells[1:], drop, ((),), shares,
        np.array([1.0 if known is None else known.accuracy]), segments.weight_bytes, segments.peak_bytes,
        measured=measured,
    )  # fmt: skip
    return made, segments


def _cells(whole: Captured, segments: Segments, codecs: list[str]) -> Any:
    """Bytes, and seconds to write and to read, of each tensor in each codec: [3, codecs, boundaries]."""
    import numpy as np

    from ..live.stopwatch import time_codec
    from ..pack import codec as codec_named

    shapes = {kernel.name: kernel.out_shape for kernel in whole.model.kernels}
    rng = np.random.default_rng(0)
    cells = np.zeros((3, len(codecs), len(segments.boundaries)))
    for at, name in enumerate(segments.boundaries):
        sizes = [whole.example[one].shape for one in whole.model.inputs] if at == 0 else [shapes[name]]
        arrays = [rng.normal(size=shape).astype(np.float32) for shape in sizes]
        for row, one in enumerate(codecs):
            cells[:, row, at] = np.sum([time_codec(codec_named(one), array) for array in arrays], axis=0)
    return cells


def wire_of(codec: str) -> Wire:
    """How the planner calls a codec."""
    from ..pack import codec as codec_named
    from ..plan.cut import Wire

    name = codec_named(codec).name
    return Wire(32 if name.startswith("raw") else int(name[1]), codec)


def here_of(whole: Captured) -> Timing:
    """Measured here, or taken from the cache."""
    from ..core.timing import Watts
    from ..live.stopwatch import profile

    return profile(whole, "here", CACHE.expanduser(), Watts(), lambda done, turns: None)


def given_of(fleet: Fleet, classes: list[str], files: list[Path]) -> dict[str, Timing]:
    """Timings by node, from --class and --profile."""
    from ..engine.profiles import node_class, timing_of_text

    found: dict[str, Timing] = {}
    for pair in classes:
        name, _, kind = pair.partition("=")
        found[node_of(fleet, name)] = node_class(kind)
    for file in files:
        if not file.is_file():
            raise NotFound(f"no profile {file}: times are read from there; `ganglion profile MODEL --out {file}`")
        timing = timing_of_text(file.read_text("utf-8"), str(file))
        found[node_of(fleet, timing.node)] = timing
    return found


def linked(fleet: Fleet, files: list[Path]) -> Fleet:
    """The fleet with links as they were measured, instead of as declared."""
    from ..core.fleet import NodeId
    from ..live.stopwatch import LinkFile

    measured = {}
    for file in files:
        if not file.is_file():
            raise NotFound(f"no link {file}: it is read from there; `ganglion profile MODEL --link NODE --out {file}`")
        one = LinkFile.read(file.read_text("utf-8"), str(file))
        if fleet.node(NodeId(one.near)).parent != one.far:
            raise ConfigError(f"{file} is of {one.near} to {one.far}: the fleet has no such link; measure another")
        measured[one.near] = one.time
    links = tuple(
        (lower, replace(link, up_bytes_s=measured[lower].bytes_s, delay_s=measured[lower].start_s / 2, jitter_s=0.0))
        if lower in measured
        else (lower, link)
        for lower, link in fleet.links
    )
    return replace(fleet, links=links)


def calibration_of(file: Path | None, whole: Captured) -> Calibration | None:
    """What `ganglion profile --calibration …` wrote for this model."""
    from ..live.calibration import Calibration

    if file is None:
        return None
    if not file.is_file():
        raise NotFound(f"no file {file}: `ganglion profile MODEL --calibration EXAMPLES --out {file}` writes it")
    found = Calibration.read(file.read_text("utf-8"), str(file))
    found.check(whole.model.weights)
    return found


def tier_of(name: str) -> Tier:
    """How private samples are, as an option says it."""
    from ..core.label import Tier

    if name.upper() not in Tier.__members__:
        raise ConfigError(
            f"--tier {name}: it must be one of public, derived, edge, user; public may be answered anywhere"
        )
    return Tier[name.upper()]


def node_of(fleet: Fleet, name: str) -> NodeId:
    """The node of that name. Raises NotFound."""
    from ..core.fleet import NodeId

    node: Node = fleet.node(NodeId(name))
    return node.id
