"""A worker that is killed as it is born, on both event loops: its job is done by the next one, and nobody waits."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvloop
from test_workers_jobs import CODEC, Act, Acted

from ganglion.core.process import Done, Event
from ganglion.live.workers import ProcessWorkers, WorkerProcess

JOBS = "test_workers_jobs"
BORN: list[int] = []


@dataclass(frozen=True)
class Doomed(WorkerProcess):
    """Its first process is killed before it can be told anything."""

    async def start(self) -> asyncio.subprocess.Process:
        """A living process at the second time."""
        process = await super().start()
        BORN.append(process.pid)
        if len(BORN) == 1:
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
            await asyncio.sleep(0)  # the loop has seen its pipes end
        return process


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_worker_killed_at_birth_costs_no_job(
    run: Callable[[Coroutine[Any, Any, None]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    monkeypatch.setenv("ACT_FOLDER", str(tmp_path))
    BORN.clear()
    told: list[Event] = []

    async def whole() -> None:
        process = Doomed(tmp_path, tmp_path / "node.log", f"{JOBS}:make_tools", f"{JOBS}:act")
        workers = ProcessWorkers(asyncio.get_running_loop(), CODEC, lambda name, work: Done(name), process)
        over = asyncio.Event()

        def tell(event: Event) -> None:
            told.append(event)
            over.set()

        workers.submit("any", Act("any"), "worker", tell)
        async with asyncio.timeout(20):
            await over.wait()
        await workers.close()

    run(whole())
    assert len(BORN) == 2
    (event,) = told
    assert isinstance(event, Done) and isinstance(event.result, Acted) and event.result.process == BORN[1]
