"""Work away from the node's thread: in a thread beside it, or in one worker process that may be killed at any time."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.codec import Codec
from ..core.errors import ConfigError, GanglionError, ProtocolError
from ..core.ports import Tell
from ..core.process import Done, Event, Failed
from .orders import FRAMES, SIZE, Order, Reply, Taken, frame_size, framed
from .worker_main import CARRY_OUT, TOOLS

GRACE_S = 0.5  # for a process that has stopped talking to be seen to have ended
CLOSE_S = 1.2  # for the worker process to end by itself
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
log = logging.getLogger("ganglion.workers")


@dataclass(frozen=True)
class WorkerProcess:
    """How to start the worker process. The two functions are `module:function`, looked up in there."""

    folder: Path  # the node's
    log: Path  # where its stderr goes
    tools: str = TOOLS  # (folder) -> Tools
    carry_out: str = CARRY_OUT  # (work, tools) -> result

    async def start(self) -> asyncio.subprocess.Process:
        """Starts one. Raises OSError."""
        command = ["--data", str(self.folder), "--tools", self.tools, "--carry-out", self.carry_out]
        with open(self.log, "ab") as stderr:
            return await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "ganglion.live.worker_main", *command, "--parent", str(os.getpid())),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                env={**os.environ, **ONE_THREAD},
            )


@dataclass(eq=False)
class Job:
    """One piece of work that was asked for."""

    name: str
    work: Any
    tell: Tell
    cancelled: bool = False


class ProcessWorkers:
    """A Workers port: "thread" is one thread, "worker" one process, each taking one job at a time, in order.

    `attempt` does work in this process: (name, work) -> Done or Failed. The process is started at first use, and
    again after it died; a death fails the job in progress and no other. What was cancelled is not told.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        codec: Codec,
        attempt: Callable[[str, Any], Event],
        worker: WorkerProcess,
    ) -> None:
        self._loop = loop
        self._codec = codec
        self._attempt = attempt
        self._worker = worker
        self._thread = ThreadPoolExecutor(1, "ganglion-work")
        self._threaded: dict[Job, Future[Event]] = {}
        self._queue: deque[Job] = deque()
        self._running: Job | None = None
        self._serving: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._orders = 0
        self._closed = False

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Takes a job. Raises ConfigError for a place that is neither "thread" nor "worker"."""
        if self._closed:
            return
        job = Job(name, work, tell)
        if where == "thread":
            future = self._threaded[job] = self._thread.submit(self._attempt, name, work)
            future.add_done_callback(lambda ended: self._from_thread(job, ended))
        elif where == "worker":
            self._queue.append(job)
            if self._serving is None or self._serving.done():
                self._serving = self._loop.create_task(self._serve())
        else:
            raise ConfigError(f"work can be done in a 'thread' or a 'worker', not in {where!r}; mend its row")

    def cancel(self, name: str) -> None:
        """Drops a job of that name that waits; kills the process under one that runs; a thread's is not told."""
        for job, future in self._threaded.items():
            if job.name == name:
                job.cancelled = True
                future.cancel()
        self._queue = deque(job for job in self._queue if job.name != name)
        if self._running is not None and self._running.name == name:
            self._running.cancelled = True
            self._kill()

    @property
    def processes(self) -> list[int]:
        """Ids of the processes that run now, for a meter."""
        return [self._process.pid] if self._process is not None and self._process.returncode is None else []

    async def close(self) -> None:
        """Drops all jobs and ends the process, within two seconds."""
        self._closed = True
        self._queue.clear()
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                await asyncio.wait_for(self._process.wait(), CLOSE_S)
            except TimeoutError:
                self._kill()
        if self._serving is not None:
            await self._serving
        await self._bury()

    async def _serve(self) -> None:
        while self._queue:
            job = self._running = self._queue.popleft()
            event = await self._ask(job)
            self._running = None
            self._tell(job, event)

    async def _ask(self, job: Job) -> Event:
        """Has one job done; however it ends, the next one finds a process that works or none."""
        try:
            work = self._codec.encode(job.work)
            process = await self._begin(job, work)
            reply = await self._hear(process)
            if not isinstance(reply, Reply):
                raise EOFError(f"it said {reply} where a reply was due")
            return Done(job.name, self._codec.decode(reply.result)) if reply.done else _failed(job, reply)
        except (OSError, EOFError) as error:
            how = await self._bury() or f"could not be used: {error}"
            where = f"the next work gets a fresh one, and {self._worker.log} may say why"
            return Failed(job.name, f"the worker process {how}; {where}")
        except GanglionError as error:
            return Failed(job.name, str(error))

    async def _begin(self, job: Job, work: bytes) -> asyncio.subprocess.Process:
        """The process that has taken this work. One that had died while idle is replaced, once."""
        try:
            return await self._hand_over(job, work)
        except (OSError, EOFError):
            if job.cancelled or self._closed:
                raise
            await self._bury()
        return await self._hand_over(job, work)

    async def _hand_over(self, job: Job, work: bytes) -> asyncio.subprocess.Process:
        process = await self._alive()
        if job.cancelled or self._closed:
            raise GanglionError("cancelled before it began")
        assert process.stdin is not None
        self._orders += 1
        try:
            process.stdin.write(framed(Order(self._orders, work)))
            await process.stdin.drain()
        except RuntimeError as error:  # uvloop's word for a pipe whose other end was killed just now
            raise BrokenPipeError(str(error)) from error
        await self._hear(process)
        return process

    async def _hear(self, process: asyncio.subprocess.Process) -> Taken | Reply:
        """What the process says of the last order. Raises OSError or EOFError when it does not live to say it."""
        assert process.stdout is not None
        try:
            size = frame_size(await process.stdout.readexactly(SIZE.size))
            said: Taken | Reply = FRAMES.decode(await process.stdout.readexactly(size))
        except ProtocolError as error:
            raise EOFError(f"it said what means nothing: {error}") from error
        if said.number != self._orders:
            raise EOFError(f"it spoke of order {said.number}, not {self._orders}")
        return said

    async def _alive(self) -> asyncio.subprocess.Process:
        process = self._process
        if process is None or process.returncode is not None or process.stdout is None or process.stdout.at_eof():
            await self._bury()
            process = self._process = await self._worker.start()
            if self._closed:
                self._kill()
        return process

    def _kill(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()

    async def _bury(self) -> str:
        """Makes sure that the process is gone; how it ended."""
        process = self._process
        if process is None:
            return ""
        try:  # not killed at once: that would hide how one that is ending by itself has ended
            code = await asyncio.wait_for(process.wait(), GRACE_S)
        except TimeoutError:
            self._kill()
            code = await process.wait()
        self._process = None
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _from_thread(self, job: Job, ended: Future[Event]) -> None:
        """On the thread: brings what came of a job to the loop."""
        with suppress(RuntimeError):  # the loop has been closed: nobody is left to tell
            self._loop.call_soon_threadsafe(self._thread_ended, job, ended)

    def _thread_ended(self, job: Job, ended: Future[Event]) -> None:
        self._threaded.pop(job, None)
        if ended.cancelled():
            return
        error = ended.exception()
        if error is not None:
            log.error("work %s failed", job.name, exc_info=error)
            self._tell(job, Failed(job.name, f"{type(error).__name__}: {error}; the log has the traceback"))
        else:
            self._tell(job, ended.result())

    def _tell(self, job: Job, event: Event) -> None:
        if not job.cancelled and not self._closed:
            self._loop.call_soon(job.tell, event)


def _failed(job: Job, reply: Reply) -> Failed:
    return Failed(job.name, reply.reason, reply.refused)
