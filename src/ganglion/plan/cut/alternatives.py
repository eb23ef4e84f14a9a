"""Every way that is best at some rate of the first link and some load beyond it: what a running split may change to.

They are found once with a solver; who follows the link only looks up lines. See `watch.Ways`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .bill import bill
from .breakpoints import breakpoints
from .chain import Chain
from .places import Places
from .split import Limits, Split

LOADS = (1.0, 2.0, 4.0, 8.0, 16.0)  # hosts beyond the first link take so many times as long


@dataclass(frozen=True)
class Alternative:
    """A way as a line over the first link's slowness: near + far * load + the link's delays + bytes / rate."""

    split: Split
    near_s: float  # until the first byte can go; of a way that sends nothing, all of it
    far_s: float  # beyond the first link, further links included, without load
    sent_bytes: float  # expected on the first link; 0 = this way needs no link


def alternatives(chains: Sequence[Chain], places: Places, limits: Limits) -> tuple[Alternative, ...]:
    """Those that send least first; none where there is no link. Raises as `breakpoints` does."""
    found: dict[tuple[str, tuple[int, ...], tuple[object, ...]], Alternative] = {}
    if not places.links:
        return ()
    by_variant = {chain.variant: chain for chain in chains}
    for load in LOADS:
        slowed = [_loaded(chain, places, load) for chain in chains]
        hosts = tuple(
            replace(host, slowdown=host.slowdown * (load if at else 1.0)) for at, host in enumerate(places.hosts)
        )
        for piece in breakpoints(slowed, replace(places, hosts=hosts), limits, 0).pieces:
            one = piece.split
            key = (one.variant, one.cut, one.wires)
            if key not in found:
                found[key] = _line(by_variant[one.variant], places, one)
    return tuple(sorted(found.values(), key=lambda one: (one.sent_bytes, one.near_s)))


def round_trip_s(chain: Chain, places: Places) -> float:
    """What the first link takes there and back besides the bytes of the tensor."""
    link = places.links[0]
    return 2 * (link.delay_s + link.jitter_s) + chain.answer_bytes / link.down_bytes_s


def _loaded(chain: Chain, places: Places, load: float) -> Chain:
    near = str(places.hosts[0].id)
    measured = {host: seconds * (1.0 if host == near else load) for host, seconds in chain.measured.items()}
    return replace(chain, measured=measured)


def _line(chain: Chain, places: Places, one: Split) -> Alternative:
    wires = tuple(0 if wire is None else chain.wires.index(wire) for wire in one.wires)
    parts = bill(chain, places, (chain.thresholds.index(one.thresholds), one.cut, wires))
    first, here_s = parts.links[0], parts.hosts[0].compute_s
    if not first.tensor:
        return Alternative(replace(one, figures=parts.figures), here_s, 0.0, 0.0)
    near_s = here_s + first.share * first.write_s
    on_link_s = first.share * (first.send_s + first.delay_s + first.back_s)
    far_s = max(parts.figures.latency_s - near_s - on_link_s, 0.0)
    return Alternative(replace(one, figures=parts.figures), near_s, far_s, first.share * first.bytes)
