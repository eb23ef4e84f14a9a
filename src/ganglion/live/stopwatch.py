"""Measures a captured model on this machine: whole and at a few cuts, in turns, by the computing thread's own clock."""

from __future__ import annotations

import json
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.cut import Cut
from ..core.errors import ConfigError
from ..core.model import Model
from ..core.timing import Anchor, Rates, Timing, Watts
from ..engine.onnx.part import OpenPart
from ..engine.onnx.runner import OnnxRunner
from ..engine.profiles import timing_of_text, timing_to_text
from ..pack import Codec, unpack
from .identity.files import write
from .meter import find_rapl
from .split.shares import Source

ANCHORS, TURNS, THREADS = 7, 11, 1
LEAST_S = 0.002  # of one turn at one anchor: what is quicker is run several times in it
Progress = Callable[[int, int], None]  # turns done, of so many


@dataclass(frozen=True)
class Key:
    """What a measurement holds for."""

    model: str
    runtime: str
    threads: int
    cpu: str

    @staticmethod
    def here(model: Model) -> Key:
        """For this machine."""
        return Key(model.weights, OnnxRunner.name, THREADS, cpu_name())

    @property
    def file(self) -> str:
        """The name of its file in a cache."""
        told = re.sub(r"[^A-Za-z0-9]+", "-", f"{self.runtime} {self.threads} {self.cpu}").strip("-").lower()
        return f"{self.model[:16]}-{told}.json"


def cpu_name() -> str:
    """What kind of processor this machine has."""
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text("utf-8")) if info.exists() else None
    return found.group(1).strip() if found else platform.machine()


def profile(source: Source, node: str, cache: Path | None, watts: Watts, progress: Progress) -> Timing:
    """From the cache where this model was measured on this kind of machine before, else measured now and kept."""
    key = Key.here(source.model)
    file = None if cache is None else cache / key.file
    if file is not None and file.is_file():
        known = timing_of_text(file.read_text("utf-8"), str(file))
        known.check(key.model, key.runtime, key.threads, key.cpu)
        return replace(known, node=node)
    made = measure(source, node, watts, progress)
    if file is not None:
        write(file, timing_to_text(made).encode())
    return made


def measure(source: Source, node: str, watts: Watts, progress: Progress, turns: int = TURNS) -> Timing:
    """Whole model and anchors interleaved, so that a slower spell of the machine meets all of them alike."""
    ends = anchors_of(source.model)
    parts = [_front(source, end) for end in ends]
    feeds = {name: np.asarray(array) for name, array in source.example.items()}
    times = [1 + int(LEAST_S / max(_run(part, feeds, 1)[0], 1e-6)) for part in parts]
    taken: list[list[tuple[float, float]]] = [[] for _ in parts]
    rapl, began_s = find_rapl(), time.perf_counter()
    for turn in range(turns):
        for place, part in enumerate(parts):
            taken[place].append(_run(part, feeds, times[place]))
        progress(turn + 1, turns)
    if rapl is not None:
        busy_w = max(rapl.energy_j() / (time.perf_counter() - began_s) - watts.idle_w, 0.0)
        watts = replace(watts, busy_w=busy_w, source="rapl")
    found = tuple(
        Anchor(end, statistics.median(cpu for cpu, _ in seconds), statistics.median(wall for _, wall in seconds))
        for end, seconds in zip(ends, taken, strict=True)
    )
    key = Key.here(source.model)
    return Timing(node, "measured", Rates(), watts, key.model, key.runtime, key.threads, key.cpu, found)


def anchors_of(model: Model, count: int = ANCHORS) -> list[int]:
    """Numbers of kernels after which about equal shares of the work are done, and all of them last."""
    work = np.cumsum(Rates().seconds(model))
    if not len(work):
        raise ConfigError("a model without kernels cannot be measured; capture one that computes something")
    inner = {int(np.searchsorted(work, work[-1] * step / (count + 1))) + 1 for step in range(1, count + 1)}
    return [*sorted(end for end in inner if end < len(work)), len(work)]


def _front(source: Source, end: int) -> OpenPart:
    """The first kernels as one part; a cut after them is downward-closed, for kernels are in order."""
    kernels = len(source.model.kernels)
    cut = Cut((0,) * end + (1,) * (kernels - end), source.model.weights)
    return OpenPart(source.cut(cut, 2)[0], source.weights)


def _run(part: OpenPart, feeds: dict[str, NDArray[np.generic]], times: int) -> tuple[float, float]:
    """CPU and wall seconds of one run, over so many. With one thread the runtime computes in the thread that calls."""
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    for _ in range(times):
        part(feeds)
    return (time.thread_time() - cpu_s) / times, (time.perf_counter() - wall_s) / times


@dataclass(frozen=True)
class LinkTime:
    """A link as seconds = start_s + bytes / bytes_s, over the real wire; the start is there and back."""

    start_s: float
    bytes_s: float


@dataclass(frozen=True)
class LinkFile:
    """A measured link as a file: from which node to which, and its line."""

    near: str
    far: str
    time: LinkTime
    source: str = "measured over the wire"

    def text(self) -> str:
        """As JSON."""
        return json.dumps({"format": 1, **asdict(self)}, indent=1) + "\n"

    @staticmethod
    def read(text: str, what: str) -> LinkFile:
        """What `text` wrote; `what` names it in errors. Raises ConfigError for anything else."""
        try:
            held = json.loads(text)
            time = LinkTime(*(float(held["time"][name]) for name in ("start_s", "bytes_s")))
            found = LinkFile(str(held["near"]), str(held["far"]), time, str(held["source"]))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{what} is no link: {error!r}; measure it with `ganglion profile --link …`") from error
        if held.get("format") != 1 or not 0.0 < time.bytes_s < float("inf") or not 0.0 <= time.start_s < 3600.0:
            raise ConfigError(f"{what} holds no usable line; measure it again with `ganglion profile --link …`")
        return found


def line_through(small: tuple[int, list[float]], large: tuple[int, list[float]]) -> LinkTime:
    """From seconds of transfers of two sizes, by their medians. Raises ConfigError where the larger was no slower."""
    (n, few), (m, many) = small, large
    few_s, many_s = statistics.median(few), statistics.median(many)
    if many_s <= few_s or m <= n:
        raise ConfigError(f"{m} bytes took {many_s:.4g} s, {n} bytes {few_s:.4g} s: no rate; send a larger size")
    bytes_s = (m - n) / (many_s - few_s)
    return LinkTime(max(few_s - n / bytes_s, 0.0), bytes_s)


def time_codec(codec: Codec, array: NDArray[np.generic]) -> tuple[int, float, float]:
    """Bytes, and CPU seconds to write and to read, of one tensor in a codec."""
    blob = codec.encode(array)
    write_s, read_s = [], []
    for _ in range(3):
        began_s = time.thread_time()
        codec.encode(array)
        write_s.append(time.thread_time() - began_s)
        began_s = time.thread_time()
        unpack(blob)
        read_s.append(time.thread_time() - began_s)
    return len(blob), min(write_s), min(read_s)
