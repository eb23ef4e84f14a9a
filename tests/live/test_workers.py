"""Work in a thread and in a worker process: order, failure, kill -9, cancelling, and no process left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from test_workers_jobs import CODEC, Act, Acted, act, make_tools

from ganglion.core.errors import ConfigError, Refused
from ganglion.core.label import PUBLIC_RAW
from ganglion.core.process import Done, Event, Failed
from ganglion.live.disk import LiveDisk
from ganglion.live.orders import Order, framed
from ganglion.live.workers import ProcessWorkers, WorkerProcess

Run = Callable[..., None]
JOBS = "test_workers_jobs"  # the module of these tests' work, without pytest: the worker process imports it


class Bench:
    """Workers, and what they told."""

    def __init__(self, workers: ProcessWorkers, folder: Path) -> None:
        self.workers = workers
        self.folder = folder
        self.told: dict[str, Event] = {}
        self.order: list[str] = []
        self._news = asyncio.Event()

    def submit(self, name: str, work: Any, where: str = "worker") -> None:
        def tell(event: Event) -> None:
            assert name not in self.told, f"{name} was told twice"
            self.told[name] = event
            self.order.append(name)
            self._news.set()

        self.workers.submit(name, work, where, tell)

    async def wait(self, *names: str) -> None:
        async with asyncio.timeout(15):
            while not self.told.keys() >= set(names):
                self._news.clear()
                await self._news.wait()

    async def begun(self, what: str) -> int:
        """Process id of who has begun that work."""
        path = self.folder / f"{what}.begun"
        async with asyncio.timeout(15):
            while not path.exists() or not path.read_text():
                await asyncio.sleep(0.01)
        return int(path.read_text())

    def reason(self, name: str) -> str:
        event = self.told[name]
        assert isinstance(event, Failed) and event.name == name, event
        return event.reason


@asynccontextmanager
async def bench(folder: Path, tools: str = "make_tools") -> AsyncIterator[Bench]:
    here = make_tools(folder)
    module = JOBS

    def attempt(name: str, work: Any) -> Event:
        try:
            return Done(name, act(work, here))
        except Refused as error:
            return Failed(name, str(error), refused=True)

    process = WorkerProcess(folder, folder / "node.log", f"{module}:{tools}", f"{module}:act")
    workers = ProcessWorkers(asyncio.get_running_loop(), CODEC, attempt, process)
    try:
        yield Bench(workers, folder)
    finally:
        await workers.close()
        assert workers.processes == []


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a test on a loop, with this file's folder on the worker's path."""
    places = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(places))
    monkeypatch.setenv("ACT_FOLDER", str(tmp_path))

    def run(body: Callable[[Bench], Awaitable[None]], tools: str = "make_tools") -> None:
        async def whole() -> None:
            async with bench(tmp_path, tools) as made:
                await body(made)

        asyncio.run(whole())

    return run


def is_running(process: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def ends(process: int, within_s: float) -> bool:
    """Whether a process ends in time."""
    until_s = time.monotonic() + within_s
    while is_running(process) and time.monotonic() < until_s:
        time.sleep(0.01)
    return not is_running(process)


def test_results_and_failures_come_back_in_order(run: Run) -> None:
    async def body(bench: Bench) -> None:
        names = ["plain", "none", "refuse", "miss", "stumble", "pandas", "print", "unknown", "last"]
        for name in names:
            bench.submit(name, Act(name))
        bench.submit("foreign", PUBLIC_RAW)
        await bench.wait(*names, "foreign")
        assert bench.order == [*names, "foreign"]
        (process,) = bench.workers.processes
        assert process != os.getpid()
        for name in ("plain", "print", "last"):
            assert bench.told[name] == Done(name, Acted(name, process)), "one process did all of it"
        assert bench.told["none"] == Done("none", None)
        assert bench.told["refuse"] == Failed("refuse", "the tier says no", refused=True)
        assert bench.told["miss"] == Failed("miss", "no such thing")
        assert "ZeroDivisionError: seven by nothing" in bench.reason("stumble")
        assert "no_such_module_here" in bench.reason("pandas") and "not installed" in bench.reason("pandas")
        assert "cannot be sent" in bench.reason("unknown") and "cannot be sent" in bench.reason("foreign")
        log = (bench.folder / "node.log").read_text()
        assert "noise on stdout" in log and "more noise" in log and "seven by nothing" in log

    run(body)


def test_without_torch_the_remedy_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hide").mkdir()
    (tmp_path / "hide" / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "hide"), os.environ["PYTHONPATH"]]))

    async def body(bench: Bench) -> None:
        bench.submit("torch", Act("torch"))
        await bench.wait("torch")
        assert "needs torch" in bench.reason("torch") and "ganglion[train]" in bench.reason("torch")

    run(body)


def test_a_worker_and_its_node_share_blobs(run: Run, tmp_path: Path) -> None:
    disk = LiveDisk(tmp_path, None, lambda call: call())

    async def body(bench: Bench) -> None:
        bench.submit("put", Act("put"))
        await bench.wait("put")
        done = bench.told["put"]
        assert isinstance(done, Done) and disk.get(done.result.ref) == b"made far away"

    run(body)
    disk.close()


@pytest.mark.parametrize(("how", "says"), [("die", "killed by signal 9"), ("exit", "exit code 3")])
def test_a_death_fails_one_job(run: Run, how: str, says: str) -> None:
    async def body(bench: Bench) -> None:
        for name in ("before", how, "after"):
            bench.submit(name, Act(name))
        await bench.wait("before", how, "after")
        assert says in bench.reason(how) and "node.log" in bench.reason(how)
        before, after = bench.told["before"], bench.told["after"]
        assert isinstance(before, Done) and isinstance(after, Done)
        assert before.result.process != after.result.process
        (idle,) = bench.workers.processes
        os.kill(idle, signal.SIGKILL)
        bench.submit("again", Act("again"))
        await bench.wait("again")
        assert isinstance(bench.told["again"], Done), "a death between two jobs fails none"

    run(body)


def test_cancelled_work_stops_and_is_not_told(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.submit("long", Act("long", 60.0))
        bench.submit("queued", Act("queued"))
        bench.submit("next", Act("next"))
        process = await bench.begun("long")
        bench.workers.cancel("queued")
        bench.workers.cancel("nobody")
        bench.workers.cancel("long")
        await bench.wait("next")
        assert not is_running(process)
        assert bench.order == ["next"]

    run(body)


def test_a_name_may_be_used_again_after_cancelling(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.submit("x", Act("first", 60.0))
        await bench.begun("first")
        bench.workers.cancel("x")
        bench.submit("x", Act("second"))
        await bench.wait("x")
        done = bench.told["x"]
        assert isinstance(done, Done) and done.result.what == "second"

    run(body)


def test_thread_work_runs_here_in_order(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.submit("slow", Act("slow", 0.05), "thread")
        bench.submit("dropped", Act("dropped"), "thread")
        bench.submit("refuse", Act("refuse"), "thread")
        bench.submit("stumble", Act("stumble"), "thread")
        bench.submit("last", Act("last"), "thread")
        bench.workers.cancel("dropped")
        assert bench.told == {}, "a port does not wait"
        await bench.wait("last")
        assert bench.order == ["slow", "refuse", "stumble", "last"]
        assert bench.told["slow"] == Done("slow", Acted("slow", os.getpid()))
        assert bench.told["refuse"] == Failed("refuse", "the tier says no", refused=True)
        assert "ZeroDivisionError" in bench.reason("stumble")
        assert bench.workers.processes == [], "no process before it is needed"
        with pytest.raises(ConfigError, match="'thread' or a 'worker'"):
            bench.submit("lost", Act("lost"), "elsewhere")

    run(body)


def test_a_node_that_cannot_be_equipped_says_why(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.submit("x", Act("x"))
        await bench.wait("x")
        assert "holds no node" in bench.reason("x")

    run(body, "no_tools")


def test_a_wrong_function_name_says_so(run: Run) -> None:
    async def body(bench: Bench) -> None:
        bench.submit("x", Act("x"))
        await bench.wait("x")
        assert "names nothing" in bench.reason("x") and "module:function" in bench.reason("x")

    run(body, "not_there")


def test_closing_ends_a_busy_worker_at_once(run: Run) -> None:
    seen: list[int] = []

    async def body(bench: Bench) -> None:
        bench.submit("long", Act("long", 60.0))
        bench.submit("never", Act("never"))
        seen.append(await bench.begun("long"))
        began_s = time.monotonic()
        await bench.workers.close()
        assert time.monotonic() - began_s < 2.0
        assert not is_running(seen[0]) and bench.told == {}
        bench.submit("late", Act("late"))
        await asyncio.sleep(0.01)
        assert bench.told == {} and bench.workers.processes == []

    run(body)


PARENT = """
import asyncio, os, pathlib, sys
from test_workers_jobs import Act
from test_workers import bench
async def main(folder):
    async with bench(folder) as made:
        made.submit("long", Act("long", 60.0))
        await asyncio.sleep(60)
asyncio.run(main(pathlib.Path(sys.argv[1])))
"""


def begun(path: Path) -> int:
    """Process id in a file, once it is there."""
    until_s = time.monotonic() + 15
    while not (path.exists() and path.read_text()) and time.monotonic() < until_s:
        time.sleep(0.01)
    return int(path.read_text())


def test_a_busy_worker_dies_with_its_node(run: Run, tmp_path: Path) -> None:
    node = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)])
    worker = begun(tmp_path / "long.begun")
    assert is_running(worker)
    node.kill()
    node.wait()
    assert ends(worker, 5), "the worker lives on without its node"


def test_a_busy_worker_ends_when_stdin_does(run: Run, tmp_path: Path) -> None:
    module = JOBS
    options = ["--data", str(tmp_path), "--tools", f"{module}:make_tools", "--carry-out", f"{module}:act"]
    command = [sys.executable, "-m", "ganglion.live.worker_main", *options, "--parent", str(os.getpid())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.write(framed(Order(1, CODEC.encode(Act("long", 60.0)))))
        worker.stdin.flush()
        assert begun(tmp_path / "long.begun") == worker.pid
        worker.stdin.close()
        assert ends(worker.pid, 5), "the worker lives on without orders"


def test_a_worker_of_another_node_does_not_start(run: Run, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ganglion.live.worker_main", "--data", str(tmp_path), "--parent", "1"]
    assert subprocess.run(command, input=b"", timeout=15).returncode == 0
