"""A plan for people and for programs: its cost in parts, what comes next, the Pareto front, and baselines."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .screen import show, show_table

if TYPE_CHECKING:
    from ..live.calibration import Calibration
    from ..plan.cut import Chain, Explained, Limits, Places, Split


@dataclass(frozen=True)
class Shown:
    """A plan and all that it is shown with; `row` is the longest row of hosts from where the input is."""

    found: Explained
    chain: Chain
    row: Places
    limits: Limits
    calibration: Calibration | None


def as_data(shown: Shown) -> dict[str, Any]:
    """Everything, plain enough for JSON."""
    from ..plan.cut import pareto

    front = pareto([shown.chain], shown.row, shown.limits)
    data = asdict(shown.found)
    return data | {"pareto": [asdict(one) for one in front], "baselines": baselines(shown)}


def baselines(shown: Shown) -> dict[str, dict[str, float]]:
    """Everything at one host, by host and by how the input is written; figures of each.

    JPEG is among them where the calibration holds pictures. No place runs it: it is there to be compared with.
    """
    from dataclasses import replace

    from ..plan.cut import single

    free = replace(shown.limits, accuracy=0.0, deadline_s=float("inf"))
    found: dict[str, Split] = {}
    for chain in (shown.chain, *_as_pictures(shown)):
        for name, one in single(chain, shown.row, free).items():
            found.setdefault(name, one)
    return {name: asdict(one.figures) for name, one in found.items()}


def _as_pictures(shown: Shown) -> list[Chain]:
    """The same model, its input written as JPEG; nothing else may be."""
    from dataclasses import replace

    import numpy as np

    from ..plan.cut import Wire

    known, chain = shown.calibration, shown.chain
    found = []
    for effect in () if known is None else known.effects:
        if effect.codec.startswith("jpeg"):
            sizes = np.full((1, len(chain.boundaries)), np.inf)
            sizes[0, 0] = effect.sent_bytes
            drop = np.zeros((1, *sizes.shape))
            drop[0, 0, 0] = max(effect.loss, 0.0)
            seconds = np.zeros((2, *sizes.shape))
            found.append(replace(chain, wires=(Wire(8, effect.codec),), wire_bytes=sizes, codec_s=seconds, drop=drop))
    return found


def show_plan(shown: Shown, explain: bool) -> None:
    """For people."""
    found = shown.found
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
        _show_reasons(shown)


def _show_reasons(shown: Shown) -> None:
    found = shown.found
    show(found.why)
    if (second := found.next_best) is not None:
        show(f"next best: {second.cut} over {', '.join(second.hosts)}, behind by {found.behind:.4g}")
    show(f"regret at most {found.regret} if every part is within 5 % of the truth")
    mine = found.plan.figures.latency_s
    rows = [("this plan", 1e3 * mine, 1.0, found.plan.figures.energy_j, found.plan.figures.accuracy)]
    for name, one in baselines(shown).items():
        rows.append((name, 1e3 * one["latency_s"], one["latency_s"] / mine, one["energy_j"], one["accuracy"]))
    show_table(["baseline", "ms", "x this plan", "J", "accuracy"], rows)
