"""The process that measures one part of the roll-out bench and keeps what it found: `-m … NAME SEED FOLDER`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from .kept import Kept
from .rollout_parts import parts

READS = (
    *("core", "flow/rollout", "flow/install", "flow/trial", "flow/fetch", "flow/serve", "node"),
    *("live/disk", "live/wire", "sim"),
)


def main(name: str, seed: int, folder: Path) -> None:
    """Measures it; a simulated one gives way to those that wait for processes, whose seconds are real."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as an error, so that `with` blocks end their processes
    (part,) = (one for one in parts() if one.name == name)
    if not part.live:
        os.nice(10)
    Kept("rollout", seed, READS, folder).put(name, part.work(seed))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
