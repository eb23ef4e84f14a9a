"""The shaper process of a fleet on one machine, asked over two named pipes, so that a later command can ask it too."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from signal import SIGKILL
from typing import Any

import msgspec

from ..core.errors import GanglionError, Unreachable
from ..core.fleet import Link, NodeId
from .identity.files import write
from .process import SHAPER, Process, spawn

CONFIG, ASKED, ANSWERS = "shaper.json", "shaper.in", "shaper.out"
ANSWER_S, START_S = 5.0, 20.0
FAST_BYTES_S = 1e10  # of a link that is not shaped, only cut and counted


@dataclass
class Shaper:
    """Cuts, mends and counts links by the name of their lower node."""

    folder: Path
    process: Process
    ports: Mapping[str, int]  # by lower node: where it dials instead of its parent
    _asked: int = -1
    _answers: int = -1
    _rest: bytearray = field(default_factory=bytearray)

    @staticmethod
    def start(folder: Path, links: Mapping[NodeId, tuple[Link, tuple[str, int]]], seed: int) -> Shaper:
        """Starts the process with every link and where it leads. It ends when nobody holds its pipe any more."""
        shaped = [
            {"link": asdict(replace(link, name=str(lower))), "target": target, "seed": seed}
            for lower, (link, target) in links.items()
        ]
        write(folder / CONFIG, msgspec.json.encode({"links": shaped}))
        for name in (ASKED, ANSWERS):
            (folder / name).unlink(missing_ok=True)
            os.mkfifo(folder / name, 0o600)
        reading = os.open(folder / ASKED, os.O_RDONLY | os.O_NONBLOCK)
        answers = os.open(folder / ANSWERS, os.O_RDWR | os.O_CLOEXEC)
        asked = os.open(folder / ASKED, os.O_WRONLY | os.O_CLOEXEC)
        try:
            process = spawn(SHAPER, [str(folder / CONFIG)], folder, (reading, answers))
        except BaseException:
            os.close(asked)
            os.close(answers)
            raise
        finally:
            os.close(reading)
        shaper = Shaper(folder, process, {}, asked, answers)
        try:
            shaper.ports = shaper._answer(START_S)["ports"]
        except BaseException:
            shaper.close()
            process.signal(SIGKILL)
            raise
        return shaper

    @staticmethod
    def attach(folder: Path, process: Process, ports: Mapping[str, int]) -> Shaper:
        """One that an earlier command left running."""
        answers = os.open(folder / ANSWERS, os.O_RDWR | os.O_CLOEXEC)
        return Shaper(folder, process, ports, os.open(folder / ASKED, os.O_WRONLY | os.O_CLOEXEC), answers)

    def cut(self, lower: NodeId, reset: bool = True) -> None:
        """Breaks a link; who dials is refused until it is mended. Without `reset` it only falls silent."""
        self._ask(f"cut {lower} reset" if reset else f"cut {lower}")

    def mend(self, lower: NodeId) -> None:
        """Repairs it."""
        self._ask(f"mend {lower}")

    def bytes(self, lower: NodeId) -> tuple[int, int]:
        """What has crossed a link so far: up, down; everything on the wire above TCP."""
        counted = self._ask("bytes")["bytes"][str(lower)]
        return int(counted["up"]), int(counted["down"])

    def close(self) -> None:
        """Lets go of the pipes; the process ends unless somebody else holds them."""
        for handle in (self._asked, self._answers):
            if handle >= 0:
                with suppress(OSError):
                    os.close(handle)
        self._asked = self._answers = -1

    def _ask(self, line: str) -> dict[str, Any]:
        try:
            os.write(self._asked, f"{line}\n".encode())
        except OSError as error:
            raise Unreachable(f"the process that carries the links is gone: {error}; end this fleet") from error
        answer = self._answer(ANSWER_S)
        if "error" in answer:
            raise GanglionError(str(answer["error"]))
        return answer

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            if not select.select([self._answers], [], [], min(timeout_s, 0.5))[0]:
                timeout_s -= 0.5
                if timeout_s <= 0.0 or not self.process.alive:
                    raise Unreachable(
                        f"the process that carries the links does not answer; {self.folder}/log may say why"
                    )
                continue
            self._rest += os.read(self._answers, 1 << 16)
        line, _, rest = bytes(self._rest).partition(b"\n")
        self._rest = bytearray(rest)
        answer: dict[str, Any] = json.loads(line)
        return answer


def unshaped(link: Link) -> Link:
    """A link that only this machine slows down."""
    return Link(link.name, FAST_BYTES_S, FAST_BYTES_S, 0.0)
