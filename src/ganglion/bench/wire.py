"""Round trips through the whole wire against blocking raw TCP and grpc.aio, interleaved, with the same certificates."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from ..core.errors import Unreachable
from ..core.fleet import NodeId
from ..core.label import Zone
from ..live.identity.authority import create_authority
from ..live.identity.certificates import request
from ..live.identity.node import accept, key_of

KINDS = ("ours", "raw", "grpc")
SIZES = {"100 B": 100, "150 kB": 150_000, "4 MB": 4_000_000}
BARS = {"100 B": (4.0, 1.0), "150 kB": (4.0, 1.0), "4 MB": (6.0, 1.2)}  # of raw TCP, of grpc.aio; on medians
COUNTS = {"100 B": 100, "150 kB": 50, "4 MB": 10}  # round trips per turn
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # idle pools spin and disturb
PEER = "ganglion.bench.wire_peer"


@dataclass
class Pair:
    """A server and a client of one transport, each a process."""

    kind: str
    folder: Path
    _processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def __enter__(self) -> Self:
        port = self._read(self._start("serve", "cloud"))
        self._start("call", "edge", port.strip())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def time(self, size: int, count: int) -> list[float]:
        """Seconds of so many round trips with so many bytes up."""
        caller = self._processes[-1]
        assert caller.stdin is not None
        caller.stdin.write(f"{size} {count}\n")
        caller.stdin.flush()
        return [float(seconds) for seconds in self._read(caller).split()]

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        what, who, *port = arguments
        command = [sys.executable, "-m", PEER, what, self.kind, str(self.folder / who), *port]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, **pipes)
        self._processes.append(process)
        return process

    def _read(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise Unreachable(f"the {self.kind} peer ended with {process.wait()}; is the extra `dev` installed?")
        return line


def run(quick: bool, seed: int) -> dict[str, Any]:
    """Rows per size with medians, 99th percentiles and ratios. `seed` changes the order of turns, nothing else."""
    turns, rng = (6 if quick else 30), np.random.default_rng(seed)
    taken: dict[tuple[str, str], list[float]] = {(kind, size): [] for kind in KINDS for size in SIZES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = create_authority(folder / "cloud")
        csr = request(key_of(folder / "edge"), "edge")
        accept(folder / "edge", authority.issue(csr, NodeId("edge"), Zone.EDGE))
        with Pair("ours", folder) as ours, Pair("raw", folder) as raw, Pair("grpc", folder) as grpc:
            pairs = {"ours": ours, "raw": raw, "grpc": grpc}
            for turn in range(turns + 1):
                for size, size_bytes in SIZES.items():
                    for kind in rng.permutation(KINDS):
                        seconds = pairs[kind].time(size_bytes, COUNTS[size])
                        if turn > 0:  # the first turn warms up
                            taken[kind, size] += seconds
    rows = [_row(size, {kind: taken[kind, size] for kind in KINDS}) for size in SIZES]
    return {"rows": rows, "ok": all(row["ok"] for row in rows)}


def _row(size: str, taken: dict[str, list[float]]) -> dict[str, Any]:
    row: dict[str, Any] = {"size": size}
    for kind, seconds in taken.items():
        row[f"{kind}_p50_ms"] = round(float(np.percentile(seconds, 50)) * 1e3, 4)
        row[f"{kind}_p99_ms"] = round(float(np.percentile(seconds, 99)) * 1e3, 4)
    row["of_raw"] = round(row["ours_p50_ms"] / row["raw_p50_ms"], 2)
    row["of_grpc"] = round(row["ours_p50_ms"] / row["grpc_p50_ms"], 2)
    most_of_raw, most_of_grpc = BARS[size]
    row["ok"] = row["of_raw"] <= most_of_raw and row["of_grpc"] <= most_of_grpc
    return row
