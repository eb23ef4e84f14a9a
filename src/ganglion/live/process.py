"""One process of a fleet, whoever started it: is it there, end it, wait until it is gone."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Unreachable
from .logs import CONSOLE, FOLDER

ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
_left: list[subprocess.Popen[bytes]] = []  # kept, for a Popen that is thrown away complains about its process
AGENT, FORK_SERVER, SHAPER = "ganglion.live.agent", "ganglion.live.fork_server", "ganglion.live.shaper"


@dataclass
class Process:
    """A process id that is known to be ours; `child` where this process started it, else `code` may know its end."""

    pid: int
    child: subprocess.Popen[bytes] | None = None
    code: Callable[[], int | None] = lambda: None

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self.wait(0.0)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal, unless it has ended."""
        if self.alive:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it is gone by then."""
        if self.child is not None:
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(timeout_s)
            return self.child.returncode is not None
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([handle], [], [], timeout_s)[0])
        finally:
            os.close(handle)

    def let_go(self) -> None:
        """Leaves it to live on; nobody here waits for it any more."""
        if self.child is not None:
            _left.append(self.child)

    @property
    def how(self) -> str:
        """How it ended, as far as we know."""
        code = self.code() if self.child is None else self.child.returncode
        if code is None:
            return "ended"
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"


def spawn(module: str, arguments: Sequence[str], folder: Path, pipes: tuple[int, int] | None = None) -> Process:
    """Starts a module in a session of its own, so that a Ctrl-C is ours to pass on. Raises Unreachable.

    `pipes` are its stdin and stdout; what it prints besides goes to the console file in the folder.
    """
    (folder / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(folder / FOLDER / CONSOLE, "ab") as console:
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL if pipes is None else pipes[0],
                stdout=console if pipes is None else pipes[1],
                stderr=console,
                env={**os.environ, **ONE_THREAD},
                start_new_session=True,
            )
        except OSError as error:
            raise Unreachable(f"{module} cannot be started: {error}; free some memory or processes") from error
    return Process(child.pid, child)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds a Ctrl-C back until a process that is being started is one that we know of, and can end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if came:
        raise KeyboardInterrupt


def found(pid: int, module: str, folder: Path) -> Process | None:
    """A process started earlier, if that id still runs that module on that folder; ids are used again."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    ours = any(word == str(folder) or word.startswith(f"{folder}/") for word in words)
    return Process(pid) if module in words and ours else None


def end(processes: Sequence[Process], patience_s: float) -> None:
    """Asks all to end, waits together, then kills the rest; returns when every one is gone."""
    for process in processes:
        process.signal(signal.SIGTERM)
    until_s = time.monotonic() + patience_s
    with suppress(KeyboardInterrupt):  # a second Ctrl-C shortens the wait, it leaves nobody behind
        for process in processes:
            process.wait(max(until_s - time.monotonic(), 0.0))
    for process in processes:
        process.signal(signal.SIGKILL)
    for process in processes:
        process.wait(5.0)
