"""The folder of a fleet on one machine: who is enrolled there, what each node is given, and what runs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..core.errors import ConfigError
from ..core.fleet import Fleet, Node, NodeId
from ..core.label import Zone
from ..node.tools import Policy
from .agent_data import Readings, write_labels, write_sources
from .agent_file import Address, AgentFile, write_agent_file
from .identity.authority import create_authority, invite
from .identity.files import CA_KEY, NODE_CERT, read, write
from .identity.join import join
from .logs import FORMATS

NAME = "fleet.json"
FORMAT = 2
HOST = "127.0.0.1"
TOKEN_S = 60.0
TAP = "tap.bin"


class Setup(Protocol):
    """What a world is made of; `run.Setup` is one."""

    @property
    def fleet(self) -> Fleet: ...
    @property
    def policy(self) -> Policy: ...
    @property
    def spec(self) -> str: ...
    @property
    def sources(self) -> Mapping[str, Mapping[str, Readings]]: ...
    @property
    def label_share(self) -> float: ...


@dataclass(frozen=True)
class FleetFile:
    """What a later command needs to find a running fleet again."""

    fleet: Fleet
    seed: int
    began_s: float  # on this machine's monotonic clock
    ports: dict[str, int]  # where nodes with children listen
    doors: dict[str, int]  # by lower node: where its link begins
    shaper: int  # process id
    forks: int


def write_fleet_file(folder: Path, file: FleetFile) -> None:
    """Replaces it in one step."""
    write(folder / NAME, msgspec.json.encode((FORMAT, file)), secret=True)


def read_fleet_file(folder: Path) -> FleetFile:
    """Reads what `write_fleet_file` wrote. Raises NotFound, ConfigError."""
    raw = read(folder / NAME, "no fleet was left running there: start one with `ganglion up`, or name its folder")
    try:
        format_, file = msgspec.json.decode(raw, type=tuple[int, FleetFile])
    except msgspec.MsgspecError as error:
        raise ConfigError(f"{folder / NAME} is malformed: {error}; start the fleet again") from error
    if format_ != FORMAT:
        raise ConfigError(f"{folder / NAME} has format {format_}, not {FORMAT}; end that fleet with its own ganglion")
    return file


class Ports:
    """Ports that nobody else on this machine is given: bound here, listened on by the nodes alone."""

    def __init__(self) -> None:
        self._bound: list[socket.socket] = []

    def reserve(self) -> int:
        """One more. A node may be killed and started on it again and again."""
        bound = socket.socket()
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, 0))
        self._bound.append(bound)
        return int(bound.getsockname()[1])

    def close(self) -> None:
        """Gives them all back."""
        for bound in self._bound:
            bound.close()
        self._bound.clear()


@dataclass(frozen=True)
class Outfit:
    """What is the same for every node of a fleet on this machine."""

    folder: Path
    seed: int
    log_format: str
    tap: bool

    def prepare(self) -> None:
        """Makes the folder, and the authority with the cloud's identity at the first time."""
        if self.log_format not in FORMATS:
            raise ConfigError(f"log format {self.log_format!r} is unknown; choose one of {FORMATS}")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def of(self, id: NodeId) -> Path:
        """A node's own folder."""
        made = self.folder / id
        made.mkdir(mode=0o700, exist_ok=True)
        return made

    def give(self, node: Node, setup: Setup, listen: int | None, parent: int | None) -> None:
        """Writes what a node's process needs to know, sense and label."""
        folder = self.of(node.id)
        file = AgentFile(
            node.id,
            setup.fleet,
            setup.policy,
            self.seed,
            None if listen is None else (HOST, listen),
            None if parent is None else (HOST, parent),
            str(Path(setup.spec).resolve()) if Path(setup.spec).is_dir() else setup.spec,
            log_format=self.log_format,
            shares_machine=True,
            tap=str((folder / TAP).resolve()) if self.tap else "",
        )
        write_agent_file(folder, file)
        if node.zone is Zone.DEVICE:
            write_sources(folder, setup.sources.get(node.id, {}))
        if node.zone is Zone.EDGE:
            write_labels(folder, site_truth(setup, node.id), self.seed, setup.label_share)

    def found(self, cloud: NodeId) -> None:
        """Makes the fleet's authority where there is none; it lives in the cloud's folder."""
        if not (self.of(cloud) / CA_KEY).exists():
            create_authority(self.of(cloud), node=cloud)

    def enrol(self, fleet: Fleet, cloud: Address) -> None:
        """Every other node trades a token of its own for a certificate, over TLS with the running cloud.

        On one machine the cloud's port is in reach of all, so devices enrol there directly, not through their edge.
        """
        new = [node for node in fleet.nodes if node.parent is not None and not (self.of(node.id) / NODE_CERT).exists()]

        async def all_of_them() -> None:
            for node in new:
                token = invite(self.of(fleet.cloud.id), node.id, TOKEN_S, node.zone)
                await join(token, cloud, node.id, self.of(node.id))

        asyncio.run(all_of_them())


def site_truth(setup: Setup, edge: NodeId) -> dict[str, NDArray[np.int64]]:
    """The classes of what a site's devices see, by "device/source"."""
    devices = [child.id for child in setup.fleet.children(edge)]
    return {f"{id}/{name}": source.y for id in devices for name, source in setup.sources.get(id, {}).items()}
