"""One node as a process: `python -m ganglion.live.agent FOLDER`. It imports no torch; learning runs in its worker.

It ends cleanly on SIGTERM and SIGINT, and may be killed at any moment: what it promised is on its disk.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from .. import __version__
from ..core.errors import ConfigError, GanglionError
from ..core.label import Form, Label, Tier
from ..core.ports import Vault
from ..node.bodies import make_codec
from ..node.carry import Carrier, attempt
from ..node.drive import Drive, World
from ..node.loaded import restore
from ..node.places import ALL_WORK, PLACES
from ..node.tools import Tools, Tray
from .admin_messages import admin_codec
from .agent_admin import Admin
from .agent_data import read_labels, read_sensor
from .agent_facts import Facts
from .agent_file import STATE, AgentFile, read_agent_file
from .agent_status import Reporter
from .agent_tap import Tap
from .api import ApiRoute
from .clock import LiveClock
from .console import ConsoleRoute
from .disk import LiveDisk
from .disk.collect import Collector
from .equip import CARRY_OUT, TOOLS, Committing, worker_codec
from .identity.join import Upper
from .identity.node import Identity
from .identity.vault import LocalVault
from .insecure import InsecureRoute, check_loopback
from .logs import FOLDER, WORKER, begin_log
from .membership import Membership
from .meter import LiveMeter, find_rapl
from .rng import LiveRng
from .tidy import Tidy
from .wire.neighbour import Ears
from .wire.net import WireNet
from .workers import ProcessWorkers, WorkerProcess

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
log = logging.getLogger("ganglion.agent")


async def serve(folder: Path, file: AgentFile) -> None:
    """Runs the node until a signal ends it. Raises GanglionError when it cannot start."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.set_exception_handler(_report)
    async with AsyncExitStack() as closing:
        await boot(folder, file, closing)
        log.info("serving as %s", file.me)
        await stop.wait()
        log.info("ending")


async def boot(folder: Path, file: AgentFile, closing: AsyncExitStack) -> None:
    """Builds the node from its folder and connects it; `closing` takes it down again in the opposite order."""
    loop, clock = asyncio.get_running_loop(), LiveClock(asyncio.get_running_loop())
    identity, vault = _identity(folder, file), LocalVault(folder)
    _make_keys(vault)

    def soon(call: Callable[[], None]) -> None:
        loop.call_soon_threadsafe(call)

    disk = LiveDisk(folder / STATE, vault, soon)
    closing.callback(disk.close)
    tools = _tools(folder, file, disk, vault)
    if damage := restore(tools):
        log.error("the release that answers: %s", damage)

    shared, codec = worker_codec(), admin_codec()
    process = WorkerProcess(folder, folder / FOLDER / WORKER, TOOLS, CARRY_OUT)
    workers = ProcessWorkers(loop, shared, lambda name, work: attempt(name, work, tools, ALL_WORK), process)
    closing.push_async_callback(workers.close)
    carrier = Carrier(
        tools, ALL_WORK, clock, Committing(workers, disk, shared), file.node.slowdown, cpu_s=time.thread_time
    )
    facts = Facts(codec, clock.now_s)
    ears = Ears(lambda sender, parcel: drive.hear(sender, parcel), lambda peer, up: drive.linked(peer, up))
    if file.tap:
        ears = Ears(ears.hear, ears.linked, closing.enter_context(Tap(Path(file.tap))))
    net = WireNet(identity, file.fleet, tools.codec, ears, tools.rng.stream("dial", file.me, time.time_ns()))
    closing.push_async_callback(net.close)
    drive = Drive(tools, World(clock, net, carrier, facts.observe), PLACES[file.node.zone], disk.incarnation)
    drive.boot()
    rapl = None if file.shares_machine else find_rapl()
    meter = LiveMeter(file.node.power, lambda: 0, rapl, lambda: workers.processes)
    tidy = Tidy(drive, disk, Collector(folder / STATE, disk.get))
    report = Reporter(drive, net, meter, facts, None)
    admin = Admin(drive, facts, codec, report.status, tidy)
    report.port = await _open(file, net, Membership(identity, _upper(file), net.bar), admin, closing)
    closing.push_async_callback(admin.close, folder)
    await admin.start(folder)
    closing.push_async_callback(tidy.close)
    tidy.start()


async def _open(file: AgentFile, net: WireNet, member: Membership, admin: Admin, closing: AsyncExitStack) -> int | None:
    """Opens this node's port, on which the cloud also answers newcomers and consoles, and begins to dial its parent."""
    await _measured(file, admin, closing)
    more = [member.add_to, ApiRoute(__version__).add_to]
    if member.authority is not None:
        more.append(ConsoleRoute(admin.codec, admin.attempt).add_to)
        if file.insecure and file.listen is not None:
            check_loopback(file.listen[0], "the port on")
            more.append(InsecureRoute(member.authority).add_to)
    port = await net.start(file.listen, file.parent, member.authority, more)
    closing.push_async_callback(member.close)
    member.start()
    return port


async def _measured(file: AgentFile, admin: Admin, closing: AsyncExitStack) -> None:
    """Lets Prometheus look in, where the node's file names a port."""
    if file.metrics_port:
        from .metrics import Metrics

        metrics = Metrics(__version__, admin.snapshot)
        admin.facts.heard.append(metrics.hear)
        closing.push_async_callback((await metrics.start(file.metrics_port)).cleanup)


def _upper(file: AgentFile) -> Upper | None:
    """Whom this node dials, and which zone that one is of."""
    if file.node.parent is None or file.parent is None:
        return None
    return file.parent, file.fleet.zone(file.node.parent)


def _identity(folder: Path, file: AgentFile) -> Identity:
    identity = Identity.load(folder)
    if identity.node != file.me:
        raise ConfigError(f"{folder} holds the identity of {identity.node!r}, its file says {file.me!r}; join again")
    return identity


def _tools(folder: Path, file: AgentFile, disk: LiveDisk, vault: Vault) -> Tools:
    from ..engine.onnx import OnnxRunner  # begins a thread where it is imported: after the fork

    return Tools(
        file.me,
        file.fleet,
        disk,
        LiveRng(file.seed),
        vault,
        make_codec(),
        Tray(file.me),
        OnnxRunner(),
        policy=file.policy,
        sensor=read_sensor(folder),
        labels=read_labels(folder),
        stopwatch=time.perf_counter,
    )


def _make_keys(vault: Vault) -> None:
    """A key is made when a tier is first sealed; the node does it now, so that its worker never makes another."""
    for tier in Tier:
        if tier is not Tier.PUBLIC:
            vault.seal(b"", Label(tier, Form.RAW))


def die_with(parent: int) -> None:
    """Asks Linux for a SIGKILL when the process that started this one ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(0)


def be_called(name: str) -> None:
    """What `ps` and `top` show for this process; the words that it was started with may be another's."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode()[:15])


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback failed: said with its traceback; the node goes on, its journal is in order."""
    error = context.get("exception")
    log.error("%s", context.get("message"), exc_info=error if isinstance(error, BaseException) else None)


def new_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop's where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m ganglion.live.agent", description=__doc__)
    parser.add_argument("folder", type=Path, help="the node's folder, made by `ganglion up` or `ganglion … join`")
    parser.add_argument("--parent", type=int, default=0, help="process id to end with; 0 = none")
    given = parser.parse_args(arguments)
    if given.parent:
        die_with(given.parent)
    try:
        file = read_agent_file(given.folder)
        begin_log(given.folder, file.me, file.log_format)
        be_called(file.me)
        with asyncio.Runner(loop_factory=new_loop()) as runner:
            runner.run(serve(given.folder, file))
    except GanglionError as error:
        log.error("%s", error)
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
