"""What a worker process works with, made from a node's folder: blobs, keys, the project and the torch engine.

The node alone writes its database: rows that work wants to change go back to it together with the result.
"""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.codec import Codec
from ..core.errors import ConfigError, ProtocolError
from ..core.label import Label
from ..core.ports import Change, Disk, Put, Row, Tell, Vault, Workers
from ..core.process import Done, Event
from ..core.ref import Ref
from ..node.bodies import all_bodies
from ..node.carry import carry_out as carry
from ..node.places import ALL_WORK
from ..node.tools import Tools, Tray
from .agent_file import STATE, AgentFile, read_agent_file
from .disk import LiveBlobs
from .identity.vault import LocalVault
from .rng import LiveRng

TOOLS, CARRY_OUT = "ganglion.live.equip:worker_tools", "ganglion.live.equip:carry_out"


@dataclass(frozen=True)
class Changed:
    """What came of work that also changes rows: to be committed by the node before anybody hears the result."""

    result: bytes  # codec bytes
    puts: tuple[Put, ...]


class WorkerDisk:
    """A Disk for a worker: blobs as the node has them, rows to read; changes are collected for the node."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self.changes: list[Change] = []
        self._blobs = LiveBlobs(folder, vault)
        self._database = folder / "state.db"

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None:
        """Notes changes for the node. Nothing may wait for `tell` here, for that is the node's business."""
        self.changes.extend(changes)
        tell()

    def scan(self, table: str, after: int = 0) -> Iterator[Row]:
        """Committed rows in order, as they are now."""
        with closing(sqlite3.connect(f"{self._database.absolute().as_uri()}?mode=ro", uri=True)) as reading:
            asked = "SELECT id, key, data FROM rows WHERE tbl = ? AND id > ? ORDER BY id"
            return iter([Row(*found) for found in reading.execute(asked, (table, after))])

    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref:
        """Keeps bytes under their digest."""
        return self._blobs.put(chunks, label)

    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes:
        """Bytes of a blob, or of a part of it."""
        return self._blobs.get(ref, start, size)

    def has(self, ref: Ref) -> bool:
        """Whether the whole blob is here."""
        return self._blobs.has(ref)

    def label(self, ref: Ref) -> Label:
        """Under which a blob is kept."""
        return self._blobs.label(ref)

    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int:
        """Never here: what arrives, arrives at the node."""
        raise ProtocolError(f"blob {ref.digest[:12]} was patched in a worker; give that work to the node's thread")

    def drop(self, ref: Ref) -> None:
        """Forgets a blob."""
        self._blobs.drop(ref)


@dataclass
class Committing:
    """A Workers port over another: rows that work in a worker wants changed are committed here, then it is done."""

    behind: Workers
    disk: Disk
    codec: Codec

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Hands it on."""
        self.behind.submit(name, work, where, lambda event: self._settle(event, tell))

    def cancel(self, name: str) -> None:
        """Gives up work that has not ended."""
        self.behind.cancel(name)

    def _settle(self, event: Event, tell: Tell) -> None:
        if isinstance(event, Done) and isinstance(event.result, Changed):
            done = Done(event.name, self.codec.decode(event.result.result))
            self.disk.commit(event.result.puts, lambda: tell(done))
        else:
            tell(event)


def worker_codec() -> Codec:
    """What goes between a node and its worker."""
    return Codec([*all_bodies(), Changed])


def load_project(file: AgentFile) -> Any:
    """The user's project, found as the node's file says. Raises ConfigError."""
    module, _, function = file.loader.partition(":")
    try:
        return getattr(importlib.import_module(module), function)(file.project)
    except AttributeError as error:
        raise ConfigError(f"{file.loader!r} names nothing ({error}); write it as module:function") from error


def worker_tools(folder: Path) -> Tools:
    """Tools for work in a worker: with an engine and a project, without sensor, labels or a release to answer with."""
    file = read_agent_file(folder)
    if not file.project:
        raise ConfigError(f"node {file.me} has no project to learn with; name one in the fleet file and join again")
    from ..engine.onnx import OnnxRunner
    from ..engine.torch import TorchEngine

    vault = LocalVault(folder)
    disk = WorkerDisk(folder / STATE, vault)
    found = load_project(file)
    return Tools(
        file.me,
        file.fleet,
        disk,
        LiveRng(file.seed),
        vault,
        worker_codec(),
        Tray(file.me),
        OnnxRunner(),
        policy=file.policy,
        engine=TorchEngine(found.build, disk.get),
        project=found.project,
    )


def carry_out(work: Any, tools: Tools) -> Any:
    """Does the work; a result that comes with changed rows says so."""
    disk = tools.disk
    assert isinstance(disk, WorkerDisk)
    disk.changes.clear()
    result = carry(work, tools, ALL_WORK)
    if not disk.changes:
        return result
    puts = tuple(change for change in disk.changes if isinstance(change, Put))
    if len(puts) != len(disk.changes):
        raise ProtocolError(f"{type(work).__name__} drops rows in a worker; give that work to the node's thread")
    return Changed(tools.codec.encode(result), puts)
