"""Throughput over time: mobile and fixed traces of public data sets by name, and seeded ones that need no data."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import NotFound
from ..core.rng import stream

ARCHIVE = Path("bandwidth-abr") / "abr-traces.tar.xz"
LEAST_BYTES_S = 500.0  # a dead spot of a trace; nothing at all would hold time still
LEAST_READINGS = 30
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trace:
    """A rate that holds from each time to the next; after the last it begins again."""

    name: str
    at_s: Floats  # [n + 1], from 0; the last one ends the lap
    bytes_s: Floats  # [n]

    @property
    def lap_s(self) -> float:
        """How long it is."""
        return float(self.at_s[-1])

    def through(self, start_s: Floats, size_bytes: float) -> Floats:
        """Seconds that so many bytes take when they begin at those times."""
        sent = np.concatenate([[0.0], np.cumsum(self.bytes_s * np.diff(self.at_s))])
        laps, within = np.divmod(start_s, self.lap_s)
        end = laps * sent[-1] + np.interp(within, self.at_s, sent) + size_bytes
        laps, within = np.divmod(end, sent[-1])
        return np.asarray(laps * self.lap_s + np.interp(within, sent, self.at_s) - start_s)


def trace(name: str, at_s: Floats, bytes_s: Floats) -> Trace:
    """From readings; the last one holds for the median time between two."""
    ends = np.append(at_s, at_s[-1] + np.median(np.diff(at_s))) - at_s[0]
    return Trace(name, ends, np.maximum(bytes_s, LEAST_BYTES_S))


def read(folder: Path, names: tuple[str, ...]) -> list[Trace]:
    """Those traces of the archive, in the order given. Raises NotFound where one is missing."""
    wanted = set(names)
    found = {name: raw for name, raw in _members(folder / ARCHIVE) if name in wanted}
    if missing := sorted(wanted - set(found)):
        raise NotFound(f"{folder / ARCHIVE} has no trace {missing[0]!r}; take the data set that its README describes")
    return [_parsed(name, found[name]) for name in names]


def read_all(folder: Path, start: str) -> Iterator[Trace]:
    """Every trace of the archive whose name begins so and that has readings enough to be one."""
    for name, raw in _members(folder / ARCHIVE):
        if name.startswith(start) and raw.count(b"\n") > LEAST_READINGS:
            yield _parsed(name, raw)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if not archive.is_file():
        raise NotFound(f"no file {archive}: the traces are read from there; set GANGLION_DATA to the data sets' folder")
    with tarfile.open(archive) as opened:
        for member in opened:
            file = opened.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name, file.read()


def _parsed(name: str, raw: bytes) -> Trace:
    """Two columns: seconds, and megabits per second."""
    rows = np.loadtxt(io.BytesIO(raw), ndmin=2)
    return trace(name, rows[:, 0], rows[:, 1] * 1e6 / 8)


def synthetic(seed: int, number: int, seconds: int = 300) -> Trace:
    """A walk that forgets, of log-rates around 0.6 Mbit/s, with a jump to another level about every 20 s."""
    rng = stream(seed, "trace", number)
    level, now, rates = 0.0, 0.0, []
    for _ in range(seconds):
        if rng.random() < 0.05:
            level = float(rng.normal(0.0, 1.0))
        now = level + 0.8 * (now - level) + float(rng.normal(0.0, 0.12))
        rates.append(75_000.0 * np.exp(now))
    return trace(f"synthetic {number}", np.arange(seconds, dtype=np.float64), np.array(rates))
