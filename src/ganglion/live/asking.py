"""A process of a fleet that is asked in lines over two named pipes, so that a later command can ask it too."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL
from typing import Any

from ..core.errors import GanglionError, Unreachable
from .process import Process, spawn

ANSWER_S, START_S = 5.0, 20.0


def asked_at(folder: Path, name: str) -> Path:
    """The pipe on which that process is asked; it ends when nobody holds it open any more."""
    return folder / f"{name}.in"


def forget(folder: Path, name: str) -> None:
    """Takes the pipes of a process away that has ended."""
    for pipe in (asked_at(folder, name), _answers_at(folder, name)):
        pipe.unlink(missing_ok=True)


@dataclass
class Asking:
    """One line there, one line of JSON back; from any thread. `what` it does, for errors."""

    folder: Path
    name: str
    what: str
    process: Process
    _asked: int
    _answers: int
    _rest: bytearray = field(default_factory=bytearray)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    @staticmethod
    def start(folder: Path, name: str, what: str, module: str, arguments: Sequence[str]) -> tuple[Asking, Any]:
        """Starts the process and waits for its first line. Raises Unreachable."""
        forget(folder, name)
        for pipe in (asked_at(folder, name), _answers_at(folder, name)):
            os.mkfifo(pipe, 0o600)
        reading = os.open(asked_at(folder, name), os.O_RDONLY | os.O_NONBLOCK)
        answers = os.open(_answers_at(folder, name), os.O_RDWR | os.O_CLOEXEC)
        asked = os.open(asked_at(folder, name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            process = spawn(module, arguments, folder, (reading, answers))
        except BaseException:
            os.close(asked)
            os.close(answers)
            raise
        finally:
            os.close(reading)
        asking = Asking(folder, name, what, process, asked, answers)
        try:
            return asking, asking._answer(START_S)
        except BaseException:
            asking.close()
            process.signal(SIGKILL)
            raise

    @staticmethod
    def attach(folder: Path, name: str, what: str, process: Process) -> Asking:
        """One that an earlier command left running."""
        answers = os.open(_answers_at(folder, name), os.O_RDWR | os.O_CLOEXEC)
        asked = os.open(asked_at(folder, name), os.O_WRONLY | os.O_CLOEXEC)
        return Asking(folder, name, what, process, asked, answers)

    def ask(self, line: str) -> dict[str, Any]:
        """What it answers. Raises Unreachable when it does not, GanglionError where it refuses."""
        with self._turn:
            try:
                os.write(self._asked, f"{line}\n".encode())
            except OSError as error:
                raise Unreachable(f"the process that {self.what} is gone: {error}; end this fleet") from error
            answer = self._answer(ANSWER_S)
        if "error" in answer:
            raise GanglionError(str(answer["error"]))
        return answer

    def close(self) -> None:
        """Lets go of the pipes; the process ends unless somebody else holds them."""
        for handle in (self._asked, self._answers):
            if handle >= 0:
                with suppress(OSError):
                    os.close(handle)
        self._asked = self._answers = -1

    def _answer(self, timeout_s: float) -> dict[str, Any]:
        while b"\n" not in self._rest:
            if not select.select([self._answers], [], [], min(timeout_s, 0.5))[0]:
                timeout_s -= 0.5
                if timeout_s <= 0.0 or not self.process.alive:
                    raise Unreachable(f"the process that {self.what} does not answer; {self.folder}/log may say why")
                continue
            self._rest += os.read(self._answers, 1 << 16)
        line, _, rest = bytes(self._rest).partition(b"\n")
        self._rest = bytearray(rest)
        answer: dict[str, Any] = json.loads(line)
        return answer


def _answers_at(folder: Path, name: str) -> Path:
    return folder / f"{name}.out"
