"""What a run's folder says about it: whose job it is, how far it came, whether a process is at work on it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, Corrupt, NotFound
from .checkpoint import FILE, write
from .federation import Result, Round, Stop, round_of

RECORD, LOCK, STOP = "run.json", "run.lock", "stop"
FORMAT = 1


@dataclass(frozen=True)
class Run:
    """One run of a job's file."""

    folder: Path
    job: Path  # its file
    planned: int  # rounds at most
    why: str  # it ended; "" as long as it has not
    weights: str  # digest of those that it ended with; "" as long as it has not
    rounds: tuple[Round, ...]  # up to the last checkpoint
    running: bool  # a process holds its lock

    @property
    def state(self) -> str:
        """In a word or a few: how it stands."""
        return "running" if self.running else self.why or "interrupted"

    @property
    def accuracy(self) -> float | None:
        """As it was last judged."""
        judged = [one.accuracy for one in self.rounds if one.accuracy is not None]
        return judged[-1] if judged else None

    @property
    def up_bytes(self) -> int:
        """What clients have sent so far."""
        return sum(one.up_bytes for one in self.rounds)

    @property
    def down_bytes(self) -> int:
        """What clients were handed so far."""
        return sum(one.down_bytes for one in self.rounds)


@contextmanager
def opened(folder: Path, job: Path, stop: Stop) -> Iterator[None]:
    """Holds a run's folder for this process and notes whose it is. Raises ConfigError where another one is at work."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STOP).unlink(missing_ok=True)
    lock = os.open(folder / LOCK, os.O_CREAT | os.O_RDWR, 0o644)
    try:
        if not _locked(lock):
            raise ConfigError(f"a process is at work in {folder}: two would mix; wait for it, or name another folder")
        _note(folder, job, stop, "", "")
        yield
    finally:
        os.close(lock)


def note_end(folder: Path, job: Path, stop: Stop, result: Result) -> None:
    """Notes why a run ended, and with what."""
    _note(folder, job, stop, result.why, result.weights.digest())


def ask_to_stop(run: Run) -> bool:
    """Asks the process at work to end after its round; whether there is one."""
    if run.running:
        (run.folder / STOP).touch()
    return run.running


def is_asked_to_stop(folder: Path) -> bool:
    """Whether somebody asked."""
    return (folder / STOP).exists()


def read_run(folder: Path) -> Run:
    """What a folder says. Raises NotFound for one without a run, Corrupt for a damaged file."""
    record = folder / RECORD
    if not record.exists():
        raise NotFound(f"no run in {folder}: `ganglion train job.toml --out FOLDER` makes one; see `ganglion job ls`")
    said, kept = _json(record), _json(folder / FILE) if (folder / FILE).exists() else {"rounds": []}
    try:
        if said["format"] != FORMAT:
            raise Corrupt(
                f"{record} is of format {said['format']}, not {FORMAT}; read it with the ganglion that wrote it"
            )
        rounds = tuple(round_of(one) for one in kept["rounds"])
        job, planned, why, weights = Path(said["job"]), int(said["planned"]), str(said["why"]), str(said["weights"])
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{record} is damaged: {error!r}; train again, into another folder") from error
    return Run(folder, job, planned, why, weights, rounds, _held(folder))


def runs_below(folder: Path, depth: int = 3) -> list[Run]:
    """Every run in a folder and those in it, by name."""
    found = [read_run(folder)] if (folder / RECORD).exists() else []
    below = sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith(".")) if depth else []
    return [*found, *(run for one in below for run in runs_below(one, depth - 1))]


def _note(folder: Path, job: Path, stop: Stop, why: str, weights: str) -> None:
    told = {"format": FORMAT, "job": str(job.resolve()), "planned": stop.rounds, "why": why, "weights": weights}
    write(folder / RECORD, json.dumps(told, indent=1).encode())


def _held(folder: Path) -> bool:
    if not (folder / LOCK).exists():
        return False
    lock = os.open(folder / LOCK, os.O_RDONLY)
    try:
        return not _locked(lock)
    finally:
        os.close(lock)


def _locked(lock: int) -> bool:
    """Takes the lock, unless another process has it; closing lets it go."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError) as error:
        raise Corrupt(f"{file} is damaged: {error}; train again, into another folder") from error
