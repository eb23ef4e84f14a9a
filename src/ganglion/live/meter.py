"""What this process has used: CPU seconds, resident memory and joules, with how the joules are known."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from ..core.fleet import Power
from ..core.ports import Usage

POWERCAP = Path("/sys/class/powercap")
PROC = Path("/proc")


class Rapl:
    """Joules of the whole machine since this was made, from the powercap files of each CPU package.

    A counter starts again at its `max_energy_range_uj`; read it at least once a minute or a lap is missed.
    """

    def __init__(self, packages: list[Path]) -> None:
        self._packages = packages
        self._ranges_uj = [int((package / "max_energy_range_uj").read_text()) for package in packages]
        self._last_uj = self._counters()
        self._total_uj = 0

    def energy_j(self) -> float:
        """Joules so far."""
        now_uj = self._counters()
        for before, after, lap in zip(self._last_uj, now_uj, self._ranges_uj, strict=True):
            self._total_uj += after - before if after >= before else after - before + lap
        self._last_uj = now_uj
        return self._total_uj / 1e6

    def _counters(self) -> list[int]:
        return [int((package / "energy_uj").read_text()) for package in self._packages]


def find_rapl(folder: Path = POWERCAP) -> Rapl | None:
    """The machine's energy counters; None where there are none or they may not be read."""
    packages = sorted(path.parent for path in folder.glob("intel-rapl:*/energy_uj") if path.parent.name.count(":") == 1)
    try:
        return Rapl(packages) if packages else None
    except (OSError, ValueError):
        return None


class LiveMeter:
    """A Meter of this process and its children, running or ended.

    Energy is "rapl" (measured, the whole machine) where readable, else "declared" (computed from `power`).
    """

    def __init__(
        self,
        power: Power,
        moved_bytes: Callable[[], int],
        rapl: Rapl | None = None,
        children: Callable[[], Sequence[int]] = tuple,
    ) -> None:
        self._power = power
        self._moved_bytes = moved_bytes  # sent and received by this node so far
        self._rapl = rapl
        self._children = children  # process ids that run now

    def read(self) -> Usage:
        """Usage since the process began; energy by RAPL: since its counters were found."""
        children = self._children()
        cpu_s = sum(os.times()[:4]) + sum(map(_cpu_s, children))
        rss_bytes = _rss_bytes("self") + sum(map(_rss_bytes, children))
        if self._rapl is not None:
            return Usage(cpu_s, rss_bytes, self._rapl.energy_j(), "rapl")
        energy_j = self._power.busy_w * cpu_s + self._power.radio_j_byte * self._moved_bytes()
        return Usage(cpu_s, rss_bytes, energy_j, "declared")


def _cpu_s(process: int) -> float:
    """User and system time of a running process and its ended children; 0 where the system does not say."""
    try:
        after_name = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


def _rss_bytes(process: int | str) -> int:
    """Resident memory; 0 where the system does not say."""
    try:
        return int((PROC / str(process) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0
