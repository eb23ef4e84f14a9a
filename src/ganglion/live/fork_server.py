"""Nodes forked from one process that has imported what they need: one is up, or up again, in a tenth of a second.

It has one thread and gives a node nothing but its memory. It ends its nodes when it is told to end, and they end when
it does, whatever ended it. `python -m ganglion.live.fork_server FLEET_FOLDER` obeys lines on stdin, in JSON lines:
`start NODE`, `forget NODE` (do not start it again), `how PID`, `nodes`, and `stay PIPE`; at first it says {}.
`python -m ganglion.live.fork_server --keep NODE_FOLDER` keeps one node running, for a service.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError, GanglionError, Unreachable
from . import agent
from .logs import CONSOLE, FOLDER
from .process import AGENT, Process, end, spawn

END_S = 3.0  # between asking nodes to end and killing them
SPACING_S = 1.0  # from one life of a node to its next, at least: one that dies at once must not take the machine
LIVES = 1000  # ended ones that are remembered, for who asks how


@dataclass
class Life:
    """A node that runs; `again`: it is started again when a signal ends it."""

    pid: int
    began_s: float
    again: bool


@dataclass
class ForkServer:
    """The nodes in a folder, by name."""

    folder: Path
    keep: bool = False  # from now on those that are killed are started again
    shown: bool = False  # what a node prints goes where this process prints; else to the console file in its folder
    lives: dict[str, Life] = field(default_factory=dict)
    codes: dict[int, int] = field(default_factory=dict)  # exit codes by process id, negative for signals
    due: dict[str, float] = field(default_factory=dict)  # when a node that was killed may run again
    held: list[int] = field(default_factory=list)  # pipes kept open for others

    def start(self, name: str) -> int:
        """Runs a node; its process id. Raises ConfigError for one that runs, Unreachable where there is no memory."""
        if name in self.lives:
            raise ConfigError(f"node {name} is running already; kill it first")
        self.due.pop(name, None)
        folder = self.folder / name
        pid = _forked(folder, self.shown) if is_alone() else _cold(folder)
        self.codes.pop(pid, None)  # of an earlier process with that id
        self.lives[name] = Life(pid, time.monotonic(), True)
        return pid

    def obey(self, line: str) -> dict[str, Any]:
        """Carries out one order."""
        self.reap()
        match line.split(maxsplit=1):
            case ["start", name]:
                return {"pid": self.start(name)}
            case ["forget", name]:
                self.due.pop(name, None)
                if name in self.lives:
                    self.lives[name].again = False
                return {}
            case ["how", pid]:
                return {"code": self.codes.get(int(pid))}
            case ["nodes"]:
                return {"nodes": {name: life.pid for name, life in self.lives.items()}}
            case ["stay", pipe]:
                self.keep = True
                self.held += [os.open(path, os.O_WRONLY | os.O_NONBLOCK) for path in (pipe, "/proc/self/fd/0")]
                return {}
        raise ConfigError(f"{line.strip()!r} is no order; see the first lines of {__name__}")

    def reap(self) -> None:
        """Learns who has ended, and how."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                self.codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
        while len(self.codes) > LIVES:
            del self.codes[next(iter(self.codes))]
        for name, life in list(self.lives.items()):
            if (code := self.codes.get(life.pid)) is not None:
                del self.lives[name]
                if self.keep and life.again and code < 0:
                    self.due[name] = max(time.monotonic(), life.began_s + SPACING_S)

    def revive(self) -> float | None:
        """Starts who is due; seconds until the next one is."""
        now_s = time.monotonic()
        for name in [name for name, at_s in self.due.items() if at_s <= now_s]:
            try:
                self.start(name)
            except (OSError, Unreachable):  # no memory now, or too many processes
                self.due[name] = now_s + SPACING_S
        return min((at_s - now_s for at_s in self.due.values()), default=None)

    def end(self) -> None:
        """Asks every node to end, then kills the rest."""
        end([Process(life.pid) for life in self.lives.values()], END_S)
        self.reap()


def is_alone() -> bool:
    """Whether this process has one thread, so that a fork of it holds no lock for good."""
    return sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1


def serve(server: ForkServer, orders: int | None, ending: int) -> None:
    """Obeys until `orders` is closed, or until somebody writes to `ending`, or until nobody is left whom it keeps."""
    rest = b""
    while not server.keep or server.lives or server.due:
        watched = [ending] if orders is None else [ending, orders]
        ready = select.select(watched, [], [], server.revive())[0]
        if ending in ready and any(number in (signal.SIGTERM, signal.SIGINT) for number in os.read(ending, 64)):
            return
        server.reap()
        if orders in ready and orders is not None:
            if not (came := os.read(orders, 1 << 16)):
                return
            *lines, rest = (rest + came).split(b"\n")
            for line in lines:
                _say(server, line.decode(errors="replace"))


def _say(server: ForkServer, line: str) -> None:
    try:
        answer = server.obey(line)
    except (GanglionError, OSError, ValueError) as error:
        answer = {"error": str(error)}
    os.write(1, json.dumps(answer).encode() + b"\n")


def _cold(folder: Path) -> int:
    """Another thread might hold a lock now, or this system does not fork well: a process of its own."""
    process = spawn(AGENT, [str(folder), "--parent", str(os.getpid())], folder)
    process.let_go()
    return process.pid


def _forked(folder: Path, shown: bool) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _undress(folder, shown)
        code = agent.main([str(folder), "--parent", str(parent)])
    except BaseException as error:  # boundary: nothing may climb into the frames that were forked along
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr.flush()
        os._exit(code)


def _undress(folder: Path, shown: bool) -> None:
    """In a new fork: nothing of the server's is left but its memory, and where it prints if that is shown."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    (folder / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if not shown:
        console = os.open(folder / FOLDER / CONSOLE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(console, 1)
        os.dup2(console, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))


def _listen() -> int:
    """Where the numbers of signals can be read from now on."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, lambda number, frame: None)
    return reading


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: of the one node that is kept, where that ended by itself."""
    parser = argparse.ArgumentParser(prog="python -m ganglion.live.fork_server", description=__doc__)
    parser.add_argument("folder", type=Path, help="of a fleet; with --keep of one node")
    parser.add_argument("--keep", action="store_true", help="run that one node, and again whenever it is killed")
    given = parser.parse_args(arguments)
    agent.new_loop()  # imports what it needs
    gc.freeze()  # what is imported stays: nobody writes to those pages, so nodes share them
    ending = _listen()
    if not given.keep:
        server = ForkServer(given.folder)
        os.write(1, b"{}\n")
        serve(server, 0, ending)
        server.end()
        return 0
    server = ForkServer(given.folder.parent, keep=True, shown=True)
    server.start(given.folder.name)
    serve(server, None, ending)
    server.end()
    return next(reversed(server.codes.values()), 0)


if __name__ == "__main__":
    sys.exit(main())
