"""Nodes forked from one process: up again when they are killed, gone when that one is, and none of it left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ganglion.core.errors import GanglionError, Unreachable
from ganglion.core.fleet import Fleet, Node, NodeId
from ganglion.core.label import Zone
from ganglion.live.admin import AdminClient
from ganglion.live.agent_file import AgentFile, write_agent_file
from ganglion.live.forking import Forks
from ganglion.live.identity.authority import create_authority
from ganglion.live.process import FORK_SERVER, ONE_THREAD, Process, end
from ganglion.node.tools import Policy

pytestmark = pytest.mark.live

CLOUD, OTHER = NodeId("cloud"), NodeId("other")
PATIENCE_S = 30.0


def made(folder: Path, node: NodeId = CLOUD, port: int = 0) -> Path:
    """A cloud's folder."""
    create_authority(folder / node, node=node)
    fleet = Fleet((Node(node, Zone.CLOUD),), ())
    write_agent_file(folder / node, AgentFile(node, fleet, Policy(), 7, listen=("127.0.0.1", port)))
    return folder / node


def until(true: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end_s, f"{what} did not happen within {PATIENCE_S} s"
        time.sleep(0.02)


def answering(home: Path, besides: int = 0) -> int:
    """The process id that a node tells, once one answers that is not that one."""
    found: list[int] = []

    def told() -> bool:
        with suppress(Unreachable), AdminClient(home) as client:
            found.append(client.status().pid)
        return bool(found) and found[-1] != besides

    until(told, "an answer")
    return found[-1]


@contextmanager
def kept(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A service's process."""
    words = [sys.executable, "-m", FORK_SERVER, "--keep", str(home)]
    with subprocess.Popen(words, env={**os.environ, **ONE_THREAD}, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def forks(folder: Path) -> Iterator[Forks]:
    server = Forks.start(folder)
    try:
        yield server
    finally:
        server.close()
        end([server.process], 5.0)


def test_a_killed_service_comes_back_by_itself_and_ends_when_told(tmp_path: Path) -> None:
    home = made(tmp_path)
    with kept(home) as service:
        first = answering(home)
        assert first != service.pid
        assert Path(f"/proc/{first}/comm").read_text().strip() == CLOUD
        os.kill(first, signal.SIGKILL)
        second = answering(home, first)
        assert second != service.pid
        service.send_signal(signal.SIGTERM)
        assert service.wait(PATIENCE_S) == 0
        assert not Process(second).alive and not (home / "admin.sock").exists()


def test_a_node_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    home = made(tmp_path)
    with kept(home) as service:
        node = answering(home)
        service.kill()
        until(lambda: not Process(node).alive, "the end of the node")


def test_a_node_that_cannot_start_ends_its_service_with_its_own_code_and_words(tmp_path: Path) -> None:
    home = made(tmp_path)
    (home / "node.json").write_text("{", "utf-8")
    with kept(home) as service:
        assert service.wait(PATIENCE_S) == 2
        assert service.stderr is not None and "node.json is malformed" in service.stderr.read()


def test_nodes_are_started_told_apart_and_their_ends_known(tmp_path: Path) -> None:
    homes = [made(tmp_path, node) for node in (CLOUD, OTHER)]
    with forks(tmp_path) as server:
        started = [server.node(node) for node in (CLOUD, OTHER)]
        assert [answering(home) for home in homes] == [process.pid for process in started]
        assert {id: process.pid for id, process in server.nodes().items()} == {
            CLOUD: started[0].pid,
            OTHER: started[1].pid,
        }
        with pytest.raises(GanglionError, match="running already"):
            server.node(CLOUD)
        started[0].signal(signal.SIGKILL)
        assert started[0].wait(PATIENCE_S)
        assert started[0].how == "was killed by signal 9" and started[1].how == "ended"
        assert set(server.nodes()) == {OTHER}  # who started it decides whether it comes back
        answering_again = server.node(CLOUD)
        assert answering(homes[0]) == answering_again.pid
        with pytest.raises(GanglionError, match="is no order"):
            server.line.ask("fly")


def test_one_thread_and_no_open_file_are_what_a_node_is_forked_from(tmp_path: Path) -> None:
    """A lock that another thread held would be held in every node for good; an open file would be everybody's."""
    home = made(tmp_path)
    with forks(tmp_path) as server:
        assert len(list(Path(f"/proc/{server.process.pid}/task").iterdir())) == 1
        pipes = {os.readlink(path) for path in Path(f"/proc/{server.process.pid}/fd").iterdir()}
        node = server.node(CLOUD).pid
        answering(home)
        inherited = {os.readlink(path) for path in Path(f"/proc/{node}/fd").iterdir()} & pipes
        assert {name for name in inherited if "forks." in name or name.startswith("pipe:")} == set()
        mine, its = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in (node, os.getpid()))
        assert mine[1] == str(server.process.pid) and mine[3] == str(node) != its[3]  # its parent; a session of its own


def test_nodes_that_are_to_stay_outlive_who_asked_and_come_back_but_for_one(tmp_path: Path) -> None:
    homes = [made(tmp_path, node) for node in (CLOUD, OTHER)]
    with forks(tmp_path) as server:
        first = [server.node(node).pid for node in (CLOUD, OTHER)]
        for home in homes:
            answering(home)
        server.stay(tmp_path / "forks.in")
        server.forget(OTHER)
        server.line.close()
        for pid in first:
            os.kill(pid, signal.SIGKILL)
        answering(homes[0], first[0])
        again = Forks.attach(tmp_path, server.process)
        try:
            assert set(again.nodes()) == {CLOUD}
        finally:
            again.close()
        end([server.process], 5.0)
        until(lambda: not (homes[0] / "admin.sock").exists(), "a clean end")
