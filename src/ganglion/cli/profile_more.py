"""What `ganglion profile` measures besides times: a link to a place that is served, and what codecs lose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import ConfigError, NotFound
from .screen import say

if TYPE_CHECKING:
    from ..engine.onnx.captured import Captured

LOSSY = ("u8", "u4", "u2")


def link_text(whole: Captured, folder: Path, near: str, far: str) -> str:
    """The link between two nodes of the fleet file, of which the farther is served; as a link file."""
    from ..config import FLEET, read_fleet
    from ..core.fleet import NodeId
    from ..live.identity.node import Identity
    from ..live.split.hops import Seat
    from ..live.split.link_time import time_link
    from ..live.stopwatch import LinkFile
    from .hosts import node_home

    declared = read_fleet(folder / FLEET)
    asker, place = declared.fleet.node(NodeId(near)), declared.fleet.node(NodeId(far))
    at = declared.addresses.get(place.id)
    if asker.parent != place.id:
        raise ConfigError(f"--link {far}: {near} is below {asker.parent}; measure the link to that, or name --node")
    if at is None:
        raise ConfigError(f'node {far!r} has no address: it must be found; add address = "host:port" to {FLEET}')
    seats = (Seat(asker.id, asker.zone), Seat(place.id, place.zone, at.host, at.port))
    found = time_link(whole, Identity.load(node_home(folder, asker.id)), seats)
    say(f"{near} to {far}: {1e3 * found.start_s:.3g} ms + bytes / {found.bytes_s / 1e6:.4g} MB/s")
    return LinkFile(near, far, found).text()


def table_text(whole: Captured, examples: Path, codecs: list[str] | None) -> str:
    """Accuracy and bytes by cut and codec, on labelled examples; as a calibration file."""
    from ..core.blob import examples_of_bytes
    from ..live.calibration import calibrate
    from ..pack import codec

    if not examples.is_file():
        raise NotFound(f"no examples {examples}: codecs are scored on them; give a .safetensors of x, y and tier")
    held = examples_of_bytes(examples.read_bytes())
    made = calibrate(whole, [codec(name) for name in codecs or LOSSY], held, lambda at, of: say(f"cut {at} of {of}"))
    say(f"accuracy {made.accuracy:.4g} on {made.samples} samples with nothing packed")
    return made.text()
