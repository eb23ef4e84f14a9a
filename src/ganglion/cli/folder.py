"""A project's folder as a set-up that either world can run."""

from __future__ import annotations

from pathlib import Path

from ..config import FLEET, Address, Declared, read_fleet
from ..core.errors import ConfigError, NotFound
from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.table import closest
from ..project import resolve
from ..run import Setup

STATE = ".ganglion"  # keys, certificates, disks and logs of the nodes that run on this machine
ELSEWHERE = "demo-out/fleet"  # where `ganglion demo --keep` leaves its fleet


def load_setup(folder: Path) -> Setup:
    """The fleet file, the project and what its devices will sense. Raises ConfigError and NotFound."""
    loaded = resolve(str(_existing(folder)))
    declared = read_fleet(folder / FLEET, loaded.goal)
    sources = {str(device.id): loaded.streams(device.id) for device in declared.fleet.at(Zone.DEVICE)}
    return Setup(declared.fleet, declared.policy, str(folder.resolve()), sources, declared.label_share)


def load_declared(folder: Path) -> Declared:
    """The fleet file with the job's goal; the project's data is not read."""
    return read_fleet(_existing(folder) / FLEET, resolve(str(folder)).goal)


def node_named(declared: Declared, name: str, zone: Zone) -> NodeId:
    """A node of that zone by its name, or the only one there is."""
    known = [node.id for node in declared.fleet.at(zone)]
    if name in known:
        return NodeId(name)
    if not name and len(known) == 1:
        return known[0]
    kind = zone.name.lower()
    if not name:
        raise ConfigError(f"which {kind} is meant: there are {', '.join(known)}; name one")
    raise NotFound(f"no {kind} {name!r} in {FLEET}: there are {', '.join(known)}; {closest(name, known)}")


def address_of(declared: Declared, node: NodeId) -> Address:
    """Where a node listens, as the fleet file says."""
    try:
        return declared.addresses[node]
    except KeyError:
        hint = f'add address = "host:port" to its [[node]] in {FLEET}'
        raise ConfigError(f"node {node!r} has no address: on real hosts others must find it; {hint}") from None


def state_of(folder: Path) -> Path:
    """Where the fleet of a folder keeps its state: a project's own, what the demo left there, or the folder itself."""
    _existing(folder)
    places = (folder / STATE, folder / "fleet", folder / ELSEWHERE)
    return next((place for place in places if place.is_dir()), folder)


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise NotFound(f"no folder {folder}: a project lives in one; `ganglion new {folder}` makes it")
    return folder
