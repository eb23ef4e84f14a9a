"""A running node keeps its disk tidy: now and then it collects blobs that nothing names, and holds its quotas."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..core.ref import Ref
from ..node.drive import Drive
from ..node.journal import TABLE as JOURNAL
from ..node.keeping import KEPT
from .disk.collect import Collected, Collector, collect
from .disk.disk import LiveDisk

FIRST_S, EVERY_S = 60.0, 600.0  # after the start, when a node has come to rest; then
log = logging.getLogger("ganglion.disk")


@dataclass
class Tidy:
    """Works on the node's thread, where processes cannot change meanwhile."""

    drive: Drive
    disk: LiveDisk
    collector: Collector
    latest: Collected | None = None
    began_s: float = field(default_factory=lambda: time.time() - time.monotonic())  # wall time when this machine began
    _task: asyncio.Task[None] | None = field(default=None, repr=False)

    def start(self) -> None:
        """From now on."""
        self._task = asyncio.ensure_future(self._now_and_then())

    async def close(self) -> None:
        """Not any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def run(self) -> None:
        """One collection."""
        live = [slot for slot in self.drive.slots.values() if not slot.over]
        ids = {slot.id for slot in live}
        rows = [row for row in self.disk.everything() if row[0] != JOURNAL or row[1] in ids]
        held = [ref.digest for slot in live for ref in refs_in((slot.flow, slot.doing))]
        collect(self.collector, rows, held, self.disk.commit, self._done, self.wall_s())

    def wall_s(self) -> float:
        """Wall time as this process has known it, or the clock's where that went back: no jump makes a file older."""
        return min(time.time(), self.began_s + time.monotonic())

    @property
    def used(self) -> tuple[tuple[str, int], ...]:
        """Bytes by class of data at the latest collection."""
        return () if self.latest is None else tuple(sorted(self.latest.used.items()))

    def _done(self, collected: Collected) -> None:
        self.latest = collected
        self.drive.tools.loaded.pop(KEPT, None)  # samples over the quota are gone: read again what is left
        if collected.dropped or collected.retired:
            gone = f"{collected.dropped} blobs of {collected.freed_bytes} bytes"
            log.info("collected %s; releases taken out of the store: %s", gone, ", ".join(collected.retired) or "none")
        for kind in collected.over:
            most = self.collector.quotas.of(kind)
            log.error("%s take %d bytes, their quota is %d; free some or raise it", kind, collected.used[kind], most)

    async def _now_and_then(self) -> None:
        await asyncio.sleep(FIRST_S)
        while True:
            self.run()
            await asyncio.sleep(EVERY_S)


def refs_in(body: Any) -> Iterator[Ref]:
    """Every reference in a dataclass, a container or a mapping."""
    if isinstance(body, Ref):
        yield body
    elif isinstance(body, dict):
        for part in body.values():
            yield from refs_in(part)
    elif isinstance(body, (tuple, list, set, frozenset)):
        for part in body:
            yield from refs_in(part)
    elif dataclasses.is_dataclass(body) and not isinstance(body, type):
        for one in dataclasses.fields(body):
            yield from refs_in(getattr(body, one.name))
