"""The shaper process of a fleet on one machine: cuts, mends and counts its links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import msgspec

from ..core.fleet import Link, NodeId
from .asking import Asking
from .identity.files import write
from .process import SHAPER, Process

CONFIG, NAME = "shaper.json", "shaper"
WHAT = "carries the links"
FAST_BYTES_S = 1e10  # of a link that is not shaped, only cut and counted


@dataclass
class Shaper:
    """Cuts, mends and counts links by the name of their lower node."""

    line: Asking
    ports: Mapping[str, int]  # by lower node: where it dials instead of its parent

    @staticmethod
    def start(folder: Path, links: Mapping[NodeId, tuple[Link, tuple[str, int]]], seed: int) -> Shaper:
        """Starts the process with every link and where it leads. It ends when nobody holds its pipe any more."""
        shaped = [
            {"link": asdict(replace(link, name=str(lower))), "target": target, "seed": seed}
            for lower, (link, target) in links.items()
        ]
        write(folder / CONFIG, msgspec.json.encode({"links": shaped}))
        line, first = Asking.start(folder, NAME, WHAT, SHAPER, [str(folder / CONFIG)])
        return Shaper(line, first["ports"])

    @staticmethod
    def attach(folder: Path, process: Process, ports: Mapping[str, int]) -> Shaper:
        """One that an earlier command left running."""
        return Shaper(Asking.attach(folder, NAME, WHAT, process), ports)

    @property
    def process(self) -> Process:
        """Who does it."""
        return self.line.process

    def cut(self, lower: NodeId, reset: bool = True) -> None:
        """Breaks a link; who dials is refused until it is mended. Without `reset` it only falls silent."""
        self.line.ask(f"cut {lower} reset" if reset else f"cut {lower}")

    def mend(self, lower: NodeId) -> None:
        """Repairs it."""
        self.line.ask(f"mend {lower}")

    def bytes(self, lower: NodeId) -> tuple[int, int]:
        """What has crossed a link so far: up, down; everything on the wire above TCP."""
        counted = self.line.ask("bytes")["bytes"][str(lower)]
        return int(counted["up"]), int(counted["down"])

    def close(self) -> None:
        """Lets go of it; the process ends unless somebody else holds its pipe."""
        self.line.close()


def unshaped(link: Link) -> Link:
    """A link that only this machine slows down."""
    return Link(link.name, FAST_BYTES_S, FAST_BYTES_S, 0.0)
