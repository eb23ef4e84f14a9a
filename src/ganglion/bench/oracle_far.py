"""The far half of the oracle's bench, a process of its own: runs what lies behind a cut, and tells its CPU seconds."""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from pathlib import Path
from typing import IO

from ..core.blob import arrays_of_bytes
from ..engine.onnx.part import OpenPart, Part
from ..pack import Raw
from .oracle_stages import Arrays, as_numbers
from .oracle_wire import FOLDER, JPEG, OPEN, PROBE, TIMES, frame, read_back, read_frame


class Far:
    """Parts of one network; each is opened when it is first asked for, and forgotten with its connection."""

    def __init__(self) -> None:
        self._folder = Path()
        self._weights: Arrays = {}
        self._picture: Arrays = {}

    def hear(self, connection: socket.socket, reader: IO[bytes]) -> None:
        """Answers until the near half hangs up."""
        opened: dict[int, tuple[OpenPart, tuple[str, ...]]] = {}
        while (heard := read_frame(reader)) is not None:
            number, blobs = heard
            if number == FOLDER:
                self._enter(Path(blobs[0].decode()))
                connection.sendall(frame(number, []))
            elif number == OPEN:
                opened.setdefault(wanted := int(blobs[0]), self._open(wanted))
                connection.sendall(frame(number, []))
            elif number == PROBE:
                connection.sendall(frame(number, []))
            else:
                if number not in opened:
                    opened[number] = self._open(number)
                connection.sendall(self._answer(number, blobs, *opened[number]))

    def _enter(self, folder: Path) -> None:
        if folder != self._folder:
            self._folder, self._weights = folder, arrays_of_bytes((folder / "weights").read_bytes())
            picture = arrays_of_bytes((folder / "picture").read_bytes())
            self._picture = {name: as_numbers(array) for name, array in picture.items()}

    def _open(self, number: int) -> tuple[OpenPart, tuple[str, ...]]:
        told = json.loads((self._folder / f"{number}.json").read_text("utf-8"))
        graph = (self._folder / f"{number}.graph").read_bytes()
        part = Part(graph, tuple(told["inputs"]), tuple(told["outputs"]), ())
        return OpenPart(part, self._weights), () if told["wire"] == JPEG else tuple(told["crosses"])

    def _answer(self, number: int, blobs: list[bytes], part: OpenPart, names: tuple[str, ...]) -> bytes:
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        given = read_back(blobs, names) if names else self._picture  # a JPEG's decoding is counted as nothing
        outputs = part(given)
        made = [Raw().encode(outputs[name]) for name in part.outputs]
        spent = TIMES.pack(time.thread_time() - cpu_s, time.perf_counter() - wall_s)
        return frame(number, [spent, *made])


def main() -> None:
    """Says its port, and answers one connection after the other until the parent closes our input."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        far = Far()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            if sys.stdin in ready:
                return
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as reader:
                far.hear(connection, reader)


if __name__ == "__main__":
    main()
