"""What lies on this machine of a fleet: each node's folder, and the release that a node answers with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..core.errors import NotFound
from ..core.label import Zone
from ..core.table import closest

if TYPE_CHECKING:
    from ..node.loaded import Loaded

FILE = "node.json"


def node_folders(state: Path) -> dict[str, Path]:
    """The nodes of a fleet's state by name. Raises NotFound where there is none."""
    found = {path.parent.name: path.parent for path in sorted(state.glob(f"*/{FILE}"))}
    if not found:
        raise NotFound(f"no nodes in {state}: no fleet was made there yet; `ganglion up` makes one")
    return found


def node_folder(state: Path, name: str, zone: Zone) -> Path:
    """The folder of a named node, or of the first one in a zone."""
    from ..live.agent_file import read_agent_file

    folders = node_folders(state)
    if name:
        if name not in folders:
            raise NotFound(f"no node {name!r} in {state}: there are {', '.join(folders)}; {closest(name, folders)}")
        return folders[name]
    for folder in folders.values():
        if read_agent_file(folder).node.zone is zone:
            return folder
    raise NotFound(f"no {zone.name.lower()} in {state}: there are {', '.join(folders)}; name one with --node")


def active_release(folder: Path) -> Loaded:
    """The release that a node answers with, from its disk; the node may be running. Raises NotFound where none is."""
    from ..engine.onnx import OnnxRunner
    from ..live.agent_file import STATE, read_agent_file
    from ..live.equip import WorkerDisk
    from ..live.identity.vault import LocalVault
    from ..live.rng import LiveRng
    from ..node.bodies import make_codec
    from ..node.loaded import loaded, restore
    from ..node.tools import Tools, Tray

    file, vault = read_agent_file(folder), LocalVault(folder)
    disk = WorkerDisk(folder / STATE, vault)
    tools = Tools(file.me, file.fleet, disk, LiveRng(file.seed), vault, make_codec(), Tray(file.me), OnnxRunner())
    restore(tools)
    ready = loaded(tools, 0)
    if ready is None:
        raise NotFound(f"node {file.me} has no release: nothing was rolled out to it; run `ganglion up` to the end")
    return ready
