"""One contract per port, kept by both worlds: what a flow learns of a disk or clock does not tell it where it runs."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ganglion.checks import clocks, disks
from ganglion.core.label import Label
from ganglion.live.clock import LiveClock
from ganglion.live.disk import LiveDisk
from ganglion.live.rng import LiveRng
from ganglion.protect.seal import KEY_BYTES, NONCE_BYTES, open_sealed, seal
from ganglion.sim.disk import Platter, SimDisk
from ganglion.sim.heap import Heap, SimClock


class Keys:
    """A vault for data at rest."""

    def __init__(self) -> None:
        self._rng = LiveRng(7)
        self._key = self._rng.secret(KEY_BYTES)

    def sign(self, message: bytes) -> bytes:
        raise AssertionError("a disk signs nothing")

    def verify(self, message: bytes, signature: bytes) -> bool:
        raise AssertionError("a disk verifies no signature")

    def seal(self, plain: bytes, label: Label) -> bytes:
        return seal(self._key, plain, label, self._rng.secret(NONCE_BYTES))

    def open(self, sealed: bytes, label: Label) -> bytes:
        return open_sealed(self._key, sealed, label)


def simulated_disk(folder: Path) -> Iterator[disks.Case]:
    """Platters outlive the lives of their node."""
    platter, heap, life = Platter("one"), Heap(), [0]

    def open_again() -> SimDisk:
        life[0] += 1
        mine = life[0]
        return SimDisk(platter, heap, lambda: life[0] == mine)

    yield disks.Case(open_again(), lambda: heap.run(heap.now_s() + 10.0), open_again)


def live_disk(folder: Path) -> Iterator[disks.Case]:
    """A real file system and database; calls are made on this thread when the check settles."""
    calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
    failures: list[str] = []
    vault, opened = Keys(), list[LiveDisk]()

    def open_again() -> LiveDisk:
        for disk in opened:
            disk.close()
        opened[:] = [LiveDisk(folder / "node", vault, calls.put, failures.append)]
        return opened[0]

    def settle() -> None:
        fence = threading.Event()
        opened[0].commit([], fence.set)
        while not fence.is_set():
            calls.get(timeout=30)()

    yield disks.Case(open_again(), settle, open_again)
    opened[0].close()
    assert failures == []


def simulated_clock(folder: Path) -> Iterator[clocks.Case]:
    """Time passes when the heap is run."""
    heap = Heap()
    yield clocks.Case(SimClock(heap, lambda: True), lambda rest_s: heap.run(heap.now_s() + rest_s))


def live_clock(folder: Path) -> Iterator[clocks.Case]:
    """Time passes."""
    loop = asyncio.new_event_loop()
    yield clocks.Case(LiveClock(loop), lambda rest_s: loop.run_until_complete(asyncio.sleep(rest_s)))
    loop.close()


DISKS = {"sim": simulated_disk, "live": live_disk}
CLOCKS = {"sim": simulated_clock, "live": live_clock}


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[disks.Case]:
    yield from DISKS[request.param](tmp_path)


@pytest.fixture(params=CLOCKS)
def clock(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[clocks.Case]:
    yield from CLOCKS[request.param](tmp_path)


@pytest.mark.parametrize("check", disks.CHECKS, ids=lambda check: check.__name__)
def test_disks(check: Callable[[disks.Make], None], disk: disks.Case) -> None:
    check(lambda: disk)


@pytest.mark.parametrize("check", clocks.CHECKS, ids=lambda check: check.__name__)
def test_clocks(check: Callable[[clocks.Make], None], clock: clocks.Case) -> None:
    check(lambda: clock)


class Forgetful(SimDisk):
    """A disk that tells before it has written."""

    def commit(self, changes: object, tell: Callable[[], None]) -> None:
        tell()


class Hasty(SimClock):
    """A clock whose wakes ring at once."""

    def wake(self, at_s: float, tell: Callable[[], None]) -> None:
        super().wake(0.0, tell)


def test_a_disk_that_breaks_the_contract_is_noticed() -> None:
    heap = Heap()
    made = Forgetful(Platter("one"), heap, lambda: True)
    case = disks.Case(made, lambda: heap.run(heap.now_s() + 1.0), lambda: made)
    broken = [check for check in disks.CHECKS if _fails(lambda check=check: check(lambda: case))]  # type: ignore[misc]
    assert disks.a_told_commit_is_read_whole in broken and disks.scan_goes_on_after_an_id in broken


def test_a_clock_that_breaks_the_contract_is_noticed() -> None:
    heap = Heap()
    case = clocks.Case(Hasty(heap, lambda: True), lambda rest_s: heap.run(heap.now_s() + rest_s))
    assert _fails(lambda: clocks.wakes_ring_in_order_and_never_early(lambda: case))
    assert _fails(lambda: clocks.a_far_wake_does_not_ring(lambda: case))


def _fails(check: Callable[[], None]) -> bool:
    try:
        check()
    except (AssertionError, ValueError):
        return True
    return False
