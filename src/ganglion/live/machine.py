"""The processes of a fleet on one machine: built, started, ended, left behind and found again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.codec import Codec
from ..core.errors import ConfigError, NotFound, Unreachable
from ..core.fleet import Fleet, NodeId
from .admin import NAME as SOCKET
from .admin import AdminClient
from .asking import asked_at
from .asking import forget as forget_pipes
from .fleet_folder import HOST, FleetFile, Outfit, Ports, Setup, read_fleet_file, write_fleet_file
from .fleet_folder import NAME as FLEET
from .forking import NAME as FORKS
from .forking import Forks
from .process import AGENT, FORK_SERVER, SHAPER, Process, end, found, spawn, uninterrupted
from .running import Running
from .shaping import NAME as LINKS
from .shaping import Shaper, unshaped

START_S = 30.0  # for a process to answer
END_S = 3.0  # between asking a process to end and killing it


class Machine:
    """Every node a process, and two beside: for the links, and for starting nodes.

    They end with this process unless they are left behind.
    """

    def __init__(
        self,
        folder: Path,
        fleet: Fleet,
        codec: Codec,
        hear: Callable[[float, NodeId, Any], None],
        lost: Callable[[NodeId, str], None],
    ) -> None:
        self.folder = folder
        self.fleet = fleet
        self.running: dict[NodeId, Running] = {}
        self.began_s = time.monotonic()
        self._codec = codec
        self._hear = hear
        self._lost = lost
        self._seed = 0
        self._bound = False  # whether the processes end with this one
        self._reserved = Ports()
        self._ports: dict[NodeId, int] = {}
        self._shaper: Shaper | None = None
        self._forks: Forks | None = None

    @property
    def links(self) -> Shaper:
        """Who carries the links. Raises Unreachable when that process is gone."""
        if self._shaper is None or not self._shaper.process.alive:
            raise Unreachable(f"the process that carries the links is not running; {self.folder}/log may say why")
        return self._shaper

    def build(self, setup: Setup, outfit: Outfit, shaped: bool, progress: Callable[[str], None]) -> None:
        """Makes identities and starts everything: the links and the cloud, then, once enrolled there, all others."""
        self._refuse_second()
        self._bound = True
        outfit.prepare()
        with uninterrupted():
            self._forks = Forks.start(self.folder)
        self._seed, cloud = outfit.seed, self.fleet.cloud.id
        self._ports = {node.id: self._reserved.reserve() for node in self.fleet.nodes if self.fleet.children(node.id)}
        progress("making the authority and starting the cloud")
        outfit.found(cloud)
        outfit.give(self.fleet.cloud, setup, self._ports[cloud], None)
        self._spawn(cloud)
        with uninterrupted():
            self._shaper = Shaper.start(self.folder, self._declared(shaped), outfit.seed)
        others = [node for node in self.fleet.nodes if node.parent is not None]
        for node in others:
            outfit.give(node, setup, self._ports.get(node.id), self._shaper.ports[node.id])
        self._attend(cloud)
        progress(f"enrolling {len(others)} nodes")
        outfit.enrol(self.fleet, (HOST, self._ports[cloud]))
        progress(f"starting {len(others)} nodes")
        for node in others:
            self._spawn(node.id)
        for node in others:
            self._attend(node.id)
        self._remember()

    def start(self, id: NodeId, cold: bool = False) -> None:
        """Starts a node's process again. Raises Unreachable with its log when it does not answer.

        `cold`: as after a reboot, with nothing imported yet; such a process ends with this one.
        """
        if (old := self.running.get(id)) is not None:
            if old.process.alive:
                raise ConfigError(f"node {id} is running already; kill it first")
            old.leave()
        self._spawn(self.fleet.node(id).id, cold)
        self._attend(id)

    def kill(self, id: NodeId) -> None:
        """kill -9, and what the node had told until then is heard."""
        running = self.node(id)
        running.expected = True
        if self._forks is not None:
            self._forks.forget(id)
        running.process.signal(signal.SIGKILL)
        running.process.wait(START_S)
        running.leave()
        del self.running[id]

    def node(self, id: NodeId) -> Running:
        """A running node. Raises NotFound for strangers, Unreachable for one that does not run."""
        if self.fleet.node(id).id not in self.running:
            raise Unreachable(f"node {id} is not running; start it first")
        return self.running[id]

    def client(self, id: NodeId) -> AdminClient:
        """A fresh line to a running node; the caller closes it."""
        return AdminClient(self.node(id).folder, codec=self._codec)

    def detach(self) -> None:
        """From now on nothing ends with this process; the links live as long as any node does."""
        if self._forks is not None:
            self._forks.stay(asked_at(self.folder, LINKS))
        self._remember()
        self._bound = False

    def attach(self) -> None:
        """Takes up a fleet that was left behind. Raises NotFound where there is none."""
        file = read_fleet_file(self.folder)
        carrier, forker = found(file.shaper, SHAPER, self.folder), found(file.forks, FORK_SERVER, self.folder)
        if carrier is None or forker is None:
            raise NotFound(f"the fleet in {self.folder} does not run any more; start it again with `ganglion up`")
        self.began_s, self._seed = file.began_s, file.seed
        self._ports = {NodeId(id): port for id, port in file.ports.items()}
        self._shaper = Shaper.attach(self.folder, carrier, file.doors)
        self._forks = Forks.attach(self.folder, forker)
        for id, process in self._forks.nodes().items():
            self.running[id] = Running(id, self.folder / id, process)
            self._attend(id)

    def close(self) -> None:
        """Ends every process and leaves no socket behind; what was detached or attached is only let go."""
        for running in self.running.values():
            running.expected = True
        if self._bound:
            end([running.process for running in self.running.values()], END_S)
        for running in self.running.values():
            running.leave()
            running.process.let_go()
        for beside in (self._forks, self._shaper):
            if beside is not None:
                beside.close()
                end([beside.process] if self._bound else [], END_S)
                beside.process.let_go()
        if self._bound:
            clear(self.folder, self.fleet)
        self.running.clear()
        self._shaper = self._forks = None
        self._reserved.close()

    def _spawn(self, id: NodeId, cold: bool = False) -> None:
        folder = self.folder / id
        if self._forks is None:
            raise Unreachable(f"nothing runs in {self.folder}; start the fleet first")
        with uninterrupted():
            bond = ["--parent", str(os.getpid())]
            process = spawn(AGENT, [str(folder), *bond], folder) if cold else self._forks.node(id)
            self.running[id] = Running(id, folder, process)

    def _attend(self, id: NodeId) -> None:
        running = self.running[id]
        try:
            running.attend(self._codec, START_S)
        except Unreachable:
            running.expected = True
            end([running.process], 0.0)
            del self.running[id]
            raise
        running.follow(self._hear, self._lost)

    def _declared(self, shaped: bool) -> dict[NodeId, Any]:
        """Every link, and where it leads."""
        made = {}
        for lower, link in self.fleet.links:
            parent = self.fleet.node(lower).parent
            assert parent is not None  # a link belongs to a node that has one
            made[lower] = (link if shaped else unshaped(link), (HOST, self._ports[parent]))
        return made

    def _remember(self) -> None:
        file = FleetFile(
            self.fleet,
            self._seed,
            self.began_s,
            {str(id): port for id, port in self._ports.items()},
            dict(self.links.ports),
            self.links.process.pid,
            0 if self._forks is None else self._forks.process.pid,
        )
        write_fleet_file(self.folder, file)

    def _refuse_second(self) -> None:
        if (self.folder / FLEET).exists() and beside_of(self.folder, read_fleet_file(self.folder)):
            raise ConfigError(f"a fleet runs in {self.folder} already; end it with `ganglion down`, or name another")


def beside_of(folder: Path, file: FleetFile) -> list[Process]:
    """The processes of a fleet left behind that still run, without its nodes: who forks those comes first."""
    there = [found(file.forks, FORK_SERVER, folder), found(file.shaper, SHAPER, folder)]
    return [process for process in there if process is not None]


def clear(folder: Path, fleet: Fleet) -> None:
    """Takes away what only running processes need."""
    for path in (folder / FLEET, *(folder / node.id / SOCKET for node in fleet.nodes)):
        path.unlink(missing_ok=True)
    for name in (LINKS, FORKS):
        forget_pipes(folder, name)


def end_all(folder: Path) -> int:
    """Ends a fleet that was left behind; how many processes that took. Raises NotFound where there is none."""
    file = read_fleet_file(folder)
    beside, nodes = beside_of(folder, file), 0
    if (forker := found(file.forks, FORK_SERVER, folder)) is not None:
        forks = Forks.attach(folder, forker)
        nodes = len(forks.nodes())
        forks.close()
    for one in beside:  # the nodes end with the first
        end([one], 2 * END_S)
    clear(folder, file.fleet)
    return nodes + len(beside)
