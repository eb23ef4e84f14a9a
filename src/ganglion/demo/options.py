"""What the demo can be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DemoOptions:
    """Defaults are what `make demo` runs."""

    sim: bool = False
    seed: int = 7
    data: str = "digits"  # "digits", "mnist", "cifar10"
    data_dir: Path | None = None
    drift: str = "inversion"  # "inversion", "rotation", "noise"
    declassify: str = "consent"  # "consent", "noise", "none"
    trace: Path | None = None  # measured throughput for the edge-cloud links
    out: Path | None = None  # where results go; None: ./demo-out
    keep: bool = False  # leave the fleet up
    timeout_s: float = 600.0
    verbose: bool = False
    log_format: str = "text"
    samples: int = 1000  # public samples per compared way to serve
    rate_hz: float = 40.0  # per device, while the loop goes on
    compare_hz: float = 60.0  # per device, while ways to serve are compared
    cache: Path | None = None  # a folder that remembers what was computed; simulator only
    plant: str = ""  # a violation to plant, to see that it is noticed; simulator only
