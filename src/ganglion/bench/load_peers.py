"""Processes that answer every line with a line of JSON, and the fleet of them that the load bench is made of."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..core.errors import ConfigError, Unreachable
from ..core.fleet import NodeId
from ..core.label import Zone
from ..live.identity.authority import create_authority
from ..live.identity.certificates import request
from ..live.identity.node import accept, key_of
from .load_node import EDGE
from .wire import ONE_THREAD

FILES = 500  # descriptors that a process needs beside its connections
CROWDS = 2  # processes that make the load
Answer = dict[str, Any]


class Peer:
    """One process."""

    def __init__(self, module: str, arguments: Sequence[object], log: Path) -> None:
        self._log = log
        with open(log, "ab") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"ganglion.bench.{module}", *map(str, arguments)],
                env={**os.environ, **ONE_THREAD, "PYTHONFAULTHANDLER": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )

    def say(self, line: str) -> None:
        """One line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self) -> Answer:
        """Its next line. Raises Unreachable where it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Unreachable(
                f"a process of the bench ended with {self._process.wait()}: {self._log.read_text()[-500:]}"
            )
        answer: Answer = json.loads(line)
        return answer

    def ask(self, line: str) -> Answer:
        """Both."""
        self.say(line)
        return self.hear()

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@dataclass
class Town:
    """A node under load and the crowds that dial it; everything ends with the block."""

    zone: Zone  # of the node under load
    count: int
    node: Peer = field(init=False)
    crowds: list[Peer] = field(default_factory=list)
    idle: Answer = field(default_factory=dict)  # the node's status before anybody dialled
    _folder: tempfile.TemporaryDirectory[str] = field(init=False)
    _port: int = 0

    def __enter__(self) -> Self:
        allow_files(self.count + FILES)
        self._folder = tempfile.TemporaryDirectory(prefix="ganglion-load-")
        authority = create_authority(self._at("cloud"))
        if self.zone is Zone.EDGE:
            accept(
                self._at("edge"), authority.issue(request(key_of(self._at("edge")), "edge"), NodeId(EDGE), Zone.EDGE)
            )
        self.start()
        shares = [len(range(turn, self.count, CROWDS)) for turn in range(CROWDS)]
        for turn, share in enumerate(shares):
            self._at(f"crowd-{turn}").mkdir()
            where = (
                self._at("cloud"),
                self._port,
                int(self.zone),
                sum(shares[:turn]),
                share,
                self._at(f"crowd-{turn}"),
            )
            self.crowds.append(Peer("load_crowd", where, self._at(f"crowd-{turn}.log")))
        for one in self.crowds:
            one.hear()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for one in (*self.crowds, self.node):
            one.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Starts the node, again on the port that it had."""
        self.node = Peer(
            "load_node",
            (self._at(self.zone.name.lower()), self._port, int(self.zone), self.count),
            self._at("node.log"),
        )
        self.idle = self.node.hear()
        self._port = self.idle["port"]

    def all(self, line: str) -> list[Answer]:
        """Every crowd at once; their answers."""
        for one in self.crowds:
            one.say(line)
        return [one.hear() for one in self.crowds]

    def status(self) -> Answer:
        """Of the node under load."""
        return self.node.ask("status")

    def _at(self, name: str) -> Path:
        return Path(self._folder.name) / name


def allow_files(wanted: int) -> None:
    """Raises the limit of open files as far as the system lets us. Raises ConfigError where that is too low."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise ConfigError(f"{wanted} open files are needed, the system's limit is {hard}; raise it with `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
