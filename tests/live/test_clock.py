"""The real clock keeps the Clock contract on asyncio's own loop and on uvloop; streams and secrets; the meter."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import uvloop

from ganglion.checks import clocks
from ganglion.core import rng
from ganglion.core.fleet import Power
from ganglion.live.clock import LiveClock
from ganglion.live.meter import LiveMeter, find_rapl
from ganglion.live.rng import LiveRng


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop: asyncio.AbstractEventLoop = request.param()
    yield loop
    loop.close()


@pytest.mark.parametrize("check", clocks.CHECKS, ids=lambda check: check.__name__)
def test_contract(check: Callable[[clocks.Make], None], loop: asyncio.AbstractEventLoop) -> None:
    check(lambda: clocks.Case(LiveClock(loop), lambda rest_s: loop.run_until_complete(asyncio.sleep(rest_s))))


def test_a_wake_that_raises_does_not_take_the_others_with_it(loop: asyncio.AbstractEventLoop) -> None:
    clock, rung, raised = LiveClock(loop), list[int](), list[object]()
    loop.set_exception_handler(lambda _, context: raised.append(context["exception"]))

    def broken() -> None:
        raise ValueError("broken")

    now_s = clock.now_s()
    clock.wake(now_s, lambda: rung.append(1))
    clock.wake(now_s, broken)
    clock.wake(now_s, lambda: rung.append(2))
    clock.wake(now_s + 0.01, lambda: rung.append(3))
    loop.run_until_complete(asyncio.sleep(0.05))
    assert rung == [1, 2, 3] and [type(error) for error in raised] == [ValueError]


def test_streams_are_named_by_seed_and_key() -> None:
    keys: list[tuple[str | int, ...]] = [
        (),
        ("a",),
        (1,),
        ("1",),
        ("a", "b"),
        ("a/b",),
        ("a", 1),
        ("a', 'b",),
        (2**70,),
    ]
    drawn = {(seed, key): LiveRng(seed).stream(*key).bytes(16) for seed in (1, 2) for key in keys}
    assert len(set(drawn.values())) == len(drawn), "two keys share a stream"
    again = LiveRng(1)
    again.stream("a").bytes(1000)
    assert again.stream("a").bytes(16) == drawn[1, ("a",)] == rng.stream(1, "a").bytes(16)
    assert again.stream(int(np.int64(1))).bytes(16) == drawn[1, (1,)]


def test_streams_stay_what_they_are() -> None:
    """Seeds of old runs must mean the same in every version."""
    assert rng.stream(7, "shuffle", 1).integers(0, 1 << 30, 3).tolist() == [914926409, 514896077, 997593017]


def test_secrets_have_no_seed() -> None:
    assert LiveRng(1).secret(16) != LiveRng(1).secret(16)
    assert len(LiveRng(1).secret(33)) == 33


def test_meter_declares_what_it_does_not_measure() -> None:
    moved = [1000]
    meter = LiveMeter(Power(busy_w=2.0, radio_j_byte=0.5), lambda: moved[0])
    first = meter.read()
    assert first.energy_source == "declared"
    assert first.energy_j == pytest.approx(2.0 * first.cpu_s + 500.0)
    assert first.rss_bytes > 10 << 20
    sum(range(3_000_000))
    moved[0] += 1000
    second = meter.read()
    assert second.cpu_s > first.cpu_s and second.energy_j > first.energy_j + 500.0
    assert second.cpu_s <= sum(os.times()[:4])


def test_meter_counts_running_children() -> None:
    script = "sum(range(3_000_000)); print(flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline()
        alone, both = (
            LiveMeter(Power(), lambda: 0),
            LiveMeter(Power(), lambda: 0, children=lambda: [child.pid, 2**22 + 1]),
        )
        own, all_of_it = alone.read(), both.read()
        assert all_of_it.cpu_s >= own.cpu_s + 0.02 and all_of_it.rss_bytes > own.rss_bytes + (1 << 20)
        child.kill()


def test_meter_reads_powercap_where_there_is_one(tmp_path: Path) -> None:
    assert find_rapl(tmp_path) is None
    for name, lap in (("intel-rapl:0", 1000), ("intel-rapl:1", 500), ("intel-rapl:0:0", 77)):
        package = tmp_path / name
        package.mkdir()
        (package / "max_energy_range_uj").write_text(f"{lap}\n")
        (package / "energy_uj").write_text("400\n")
    rapl = find_rapl(tmp_path)
    assert rapl is not None
    meter = LiveMeter(Power(busy_w=9.0), lambda: 0, rapl)
    assert meter.read().energy_j == 0.0
    (tmp_path / "intel-rapl:0" / "energy_uj").write_text("900\n")
    (tmp_path / "intel-rapl:1" / "energy_uj").write_text("100\n")
    assert meter.read().energy_j == pytest.approx((500 + 200) / 1e6)
    assert meter.read().energy_source == "rapl"
    assert meter.read().energy_j == pytest.approx((500 + 200) / 1e6)
