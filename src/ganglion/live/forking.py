"""The fork server of a fleet on one machine, asked over two named pipes: starts nodes, and knows how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..core.errors import GanglionError
from ..core.fleet import NodeId
from .asking import Asking
from .process import FORK_SERVER, Process

NAME, WHAT = "forks", "starts the nodes"


@dataclass
class Forks:
    """Starts nodes in the folders below its own. They end with it, and it ends with its asker until it is to stay."""

    line: Asking

    @staticmethod
    def start(folder: Path) -> Forks:
        """Starts the server; it can take orders once it has imported what a node needs."""
        return Forks(Asking.start(folder, NAME, WHAT, FORK_SERVER, [str(folder)])[0])

    @staticmethod
    def attach(folder: Path, process: Process) -> Forks:
        """One that an earlier command left running."""
        return Forks(Asking.attach(folder, NAME, WHAT, process))

    @property
    def process(self) -> Process:
        """Who does it."""
        return self.line.process

    def node(self, id: NodeId) -> Process:
        """Runs a node. Raises GanglionError for one that runs already."""
        return self._process(int(self.line.ask(f"start {id}")["pid"]))

    def forget(self, id: NodeId) -> None:
        """From now on nobody starts it again when it is killed."""
        self.line.ask(f"forget {id}")

    def nodes(self) -> dict[NodeId, Process]:
        """Who runs."""
        return {NodeId(id): self._process(int(pid)) for id, pid in self.line.ask("nodes")["nodes"].items()}

    def stay(self, pipe: Path) -> None:
        """Lets the nodes live on without whoever started them, start again when killed, and hold a pipe open."""
        self.line.ask(f"stay {pipe}")

    def close(self) -> None:
        """Lets go of it."""
        self.line.close()

    def _process(self, pid: int) -> Process:
        return Process(pid, code=lambda: self._code(pid))

    def _code(self, pid: int) -> int | None:
        try:
            code = self.line.ask(f"how {pid}")["code"]
        except GanglionError:  # it is gone as well
            return None
        return None if code is None else int(code)
