"""The near half of the oracle's bench: an emulated device, a shaped link, and a process behind it, timed end to end.

A machine's time is its CPU seconds by its declared slow-down, so what else this machine does is in no figure.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..core.blob import arrays_to_bytes
from ..core.errors import Unreachable
from ..core.fleet import Link, NodeId
from ..engine.onnx.captured import Captured
from ..engine.onnx.part import OpenPart, Part
from ..live.process import ONE_THREAD, end
from ..live.shaping import Shaper
from ..live.stopwatch import line_through
from ..pack import unpack
from .oracle_stages import as_numbers, pixels
from .oracle_wire import FOLDER, JPEG, OPEN, PROBE, TIMES, Arm, frame, read_frame, written

FAR = "ganglion.bench.oracle_far"
DOWN_BYTES_S = 100e6 / 8
PROBES_BYTES, PROBES = (20_000, 200_000), 5
FITS, MOST_OFF = 3, 0.1  # attempts; how far a link may be from what it was set to
ANSWER_S = 120.0


@dataclass(frozen=True)
class Testbed:
    """The far process, and a shaped link to it for each rate."""

    folder: Path
    ports: dict[float, int]  # by Mbit/s


@contextmanager
def testbed(rates: Sequence[float], folder: Path, seed: int) -> Iterator[Testbed]:
    """Starts the far half and the links, and ends them."""
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", FAR], env={**os.environ, **ONE_THREAD}, **pipes) as far:
        assert far.stdin is not None and far.stdout is not None
        try:
            line = far.stdout.readline().strip()
            if not line.isdecimal():
                raise Unreachable(f"the far half ended with {far.wait()}; run it again with -v")
            links = {NodeId(f"{rate:g}"): (link_of(rate), ("127.0.0.1", int(line))) for rate in rates}
            shaper = Shaper.start(folder, links, seed)
            try:
                yield Testbed(folder, {rate: shaper.ports[f"{rate:g}"] for rate in rates})
            finally:
                shaper.close()
                end([shaper.process], 5.0)
        finally:
            far.stdin.close()
            far.terminate()


def link_of(rate: float) -> Link:
    """An uplink of so many Mbit/s as declared."""
    return Link(f"{rate:g} Mbit/s", rate * 1e6 / 8, DOWN_BYTES_S, 0.0)


@dataclass(frozen=True, eq=False)
class Took:
    """One request, end to end."""

    seconds: float  # by both machines' own CPU clocks and the link's real one
    stolen_s: float  # that other processes had the processors meanwhile: not in `seconds`
    outputs: dict[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class _Opened:
    number: int
    front: OpenPart
    part: Part
    behind: tuple[str, ...]  # what the far half makes


class Device:
    """The machine where the picture is, connected over one link; a front half is opened when it is first used."""

    def __init__(self, made: Captured, folder: Path, seed: int) -> None:
        self._made, self._folder = made, folder
        self._pixels = pixels(made, seed)
        self._numbers = {name: as_numbers(array) for name, array in self._pixels.items()}
        self._opened: dict[Arm, _Opened] = {}
        self._numbered: dict[Arm, int] = {}
        folder.mkdir()
        (folder / "weights").write_bytes(arrays_to_bytes(made.weights))
        (folder / "picture").write_bytes(arrays_to_bytes(self._pixels))

    @contextmanager
    def connected(self, port: int) -> Iterator[None]:
        """Over that link; parts opened meanwhile are forgotten with it."""
        with socket.create_connection(("127.0.0.1", port), ANSWER_S) as self._link:
            self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._link.makefile("rb") as self._reader:
                self._exchange(frame(FOLDER, [str(self._folder).encode()]))
                yield
        self._opened.clear()

    def fit(self, declared: Link) -> Link:
        """The link as probes find it: a start, half of it each way, and a rate. Raises Unreachable where it is off."""
        for _ in range(FITS):
            found = self._fitted(declared)
            if abs(found.up_bytes_s / declared.up_bytes_s - 1.0) <= MOST_OFF:
                return found
        raise Unreachable(
            f"the link of {declared.name} carries {found.up_bytes_s * 8e-6:.4g} Mbit/s, over {100 * MOST_OFF:g} % off: "
            "this machine is too busy to shape it; end what else runs here"
        )

    def _fitted(self, declared: Link) -> Link:
        taken: list[tuple[int, list[float]]] = [(size, []) for size in PROBES_BYTES]
        self._probe(PROBES_BYTES[0])
        for _ in range(PROBES):
            for size, seconds in taken:
                seconds.append(self._probe(size))
        line = line_through(*taken)
        return Link(declared.name, line.bytes_s, declared.down_bytes_s, line.start_s / 2)

    def whole(self) -> dict[str, NDArray[Any]]:
        """What the network answers here, uncut."""
        return self._made.run(self._numbers).outputs

    def ready(self, arm: Arm) -> None:
        """Opens both halves of an arm, so that no request waits for that."""
        if arm not in self._opened:
            front = self._open(arm).front
            front(self._numbers)
            self._exchange(frame(OPEN, [str(self._numbered[arm]).encode()]))

    def ask(self, arm: Arm, slow: float) -> Took:
        """One request by an arm, with this end `slow` times as slow as the far one. Raises Unreachable."""
        opened = self._open(arm)
        front, part = opened.front, opened.part
        began_s, cpu_s = time.perf_counter(), time.thread_time()
        made = front(self._numbers)
        held: dict[str, NDArray[Any]] = {**(self._pixels if arm.wire == "u8" else self._numbers), **made}
        blobs = [bytes(arm.jpeg_bytes)] if arm.wire == JPEG else written(held, part.sends, arm.wire)
        due_s = began_s + slow * (time.thread_time() - cpu_s)
        late_s = time.perf_counter() - due_s
        if late_s < 0:
            time.sleep(-late_s)
        outputs, far_late_s = made, 0.0
        if blobs:
            _, (times, *results) = self._exchange(frame(opened.number, blobs))
            far_cpu_s, far_wall_s = TIMES.unpack(times)
            far_late_s = max(far_wall_s - far_cpu_s, 0.0)
            outputs = made | {name: unpack(blob) for name, blob in zip(opened.behind, results, strict=True)}
        stolen_s = max(late_s, 0.0) + far_late_s
        return Took(time.perf_counter() - began_s - stolen_s, stolen_s, outputs)

    def _probe(self, size: int) -> float:
        began_s = time.perf_counter()
        self._exchange(frame(PROBE, [bytes(size)]))
        return time.perf_counter() - began_s

    def _exchange(self, data: bytes) -> tuple[int, list[bytes]]:
        self._link.sendall(data)
        heard = read_frame(self._reader)
        if heard is None:
            raise Unreachable("the far half hung up; its message is above")
        return heard

    def _open(self, arm: Arm) -> _Opened:
        if arm not in self._opened:
            number = self._numbered.setdefault(arm, len(self._numbered))
            front, back = self._made.cut(arm.cut, 2)
            told = {"inputs": back.inputs, "outputs": back.outputs, "crosses": front.sends, "wire": arm.wire}
            (self._folder / f"{number}.graph").write_bytes(back.graph)
            (self._folder / f"{number}.json").write_text(json.dumps(told), "utf-8")
            self._opened[arm] = _Opened(number, OpenPart(front, self._made.weights), front, back.outputs)
        return self._opened[arm]
