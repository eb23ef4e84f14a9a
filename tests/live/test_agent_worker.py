"""Rows that work in a worker wants changed: read there, written by the node, and only then is the work done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ganglion.core.errors import NotFound, ProtocolError
from ganglion.core.label import PUBLIC_RAW, Form, Label, Tier
from ganglion.core.ports import Drop, Put, Tell
from ganglion.core.process import Done, Event, Failed
from ganglion.core.ref import Ref
from ganglion.flow.install.messages import Active
from ganglion.live.disk import LiveDisk
from ganglion.live.equip import Changed, Committing, WorkerDisk, worker_codec
from ganglion.live.identity.vault import LocalVault

PUTS = (Put("releases", "1", b"one"), Put("releases", "2", b"two", True))


class Echo:
    """A worker that answers at once with what it was given."""

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        tell(work)

    def cancel(self, name: str) -> None:
        """Nothing runs."""


def with_disk(folder: Path, check: Callable[[LiveDisk], Any]) -> None:
    """Runs a check beside an open disk, on a loop."""

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def soon(call: Callable[[], None]) -> None:
            loop.call_soon_threadsafe(call)

        disk = LiveDisk(folder / "state", LocalVault(folder), soon)
        try:
            await check(disk)
        finally:
            disk.close()

    asyncio.run(run())


def test_a_result_with_changes_is_done_once_they_are_committed(tmp_path: Path) -> None:
    codec = worker_codec()

    async def check(disk: LiveDisk) -> None:
        told: asyncio.Queue[tuple[Event, list[str]]] = asyncio.Queue()
        reader = WorkerDisk(tmp_path / "state", LocalVault(tmp_path))

        def tell(event: Event) -> None:
            told.put_nowait((event, [row.key for row in reader.scan("releases")]))

        workers = Committing(Echo(), disk, codec)
        changed = codec.decode(codec.encode(Changed(codec.encode(Active(4)), PUTS)))
        workers.submit("w", Done("w", changed), "worker", tell)
        assert await asyncio.wait_for(told.get(), 5.0) == (Done("w", Active(4)), ["1", "2"])
        for plain in (Done("w", Active(5)), Failed("w", "no")):
            workers.submit("w", plain, "worker", tell)
            assert (await told.get())[0] == plain

    with_disk(tmp_path, check)


def test_a_worker_reads_rows_and_shares_blobs_with_its_node(tmp_path: Path) -> None:
    secret = Label(Tier.EDGE, Form.UPDATE)

    async def check(disk: LiveDisk) -> None:
        committed = asyncio.Event()
        disk.commit(PUTS, committed.set)
        await committed.wait()
        worker = WorkerDisk(tmp_path / "state", LocalVault(tmp_path))
        rows = list(worker.scan("releases"))
        assert [row.data for row in rows] == [b"one", b"two"]
        assert [row.data for row in worker.scan("releases", after=rows[0].id)] == [b"two"]
        ref = worker.put([b"update"], secret)
        assert disk.get(ref) == b"update" == worker.get(ref) and worker.has(ref)
        assert worker.get(disk.put([b"public"], PUBLIC_RAW), 1, 3) == b"ubl"
        with pytest.raises(NotFound):
            worker.get(Ref("0" * 64, 1, PUBLIC_RAW))
        with pytest.raises(ProtocolError, match="patched in a worker"):
            worker.patch(ref, 0, b"")
        worker.commit([Put("t", "k", b"v"), Drop("t", "j")], lambda: None)
        assert list(worker.scan("t")) == [] and len(worker.changes) == 2

    with_disk(tmp_path, check)
