"""One place of a split model as a process of its own: its folder, its port, and what it is in the row of two."""

from __future__ import annotations

import sys
from pathlib import Path

from ganglion.core.fleet import NodeId
from ganglion.core.label import Zone
from ganglion.live.identity.node import Identity
from ganglion.live.split.hops import Seat
from ganglion.live.split.run import serve_place


def main(folder: Path, port: int) -> None:
    """Prints the port that it listens on, and serves until it is ended."""
    seats = (Seat(NodeId("place-0"), Zone.DEVICE), Seat(NodeId("place-1"), Zone.EDGE, port=port))

    def told(bound: int) -> None:
        sys.stdout.write(f"{bound}\n")
        sys.stdout.flush()

    serve_place(Identity.load(folder), seats, 1, None, told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
