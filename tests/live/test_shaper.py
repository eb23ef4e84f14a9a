"""A shaped link keeps its rate, delay and order, carries what it is given, and can be cut in two ways."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from ganglion.core.fleet import Link
from ganglion.live.shaper import Measured, ShapedLink, measure
from ganglion.live.shaper.line import Line

FAST = Link("fast", 50e6, 50e6, 0.0)


Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    def run(body: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(body, 20))

    return run


on_uvloop = pytest.mark.parametrize("run", [uvloop.new_event_loop], ids=["uvloop"], indirect=True)


@asynccontextmanager
async def echoing(link: Link, seed: int = 0) -> AsyncIterator[tuple[ShapedLink, int]]:
    """A link to a server that says everything back."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    shaped = ShapedLink(server.sockets[0].getsockname()[:2], link, seed)
    try:
        yield shaped, await shaped.start()
    finally:
        await shaped.close()
        server.close()


async def there_and_back(port: int, data: bytes) -> bytes:
    """What comes back from an echo, the sender having ended first."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    _, back = await asyncio.gather(send(), reader.read(-1))
    writer.close()
    return back


@on_uvloop
def test_it_does_what_it_declares(run: Run) -> None:
    async def body() -> None:
        slow, quick = Link("slow", 300e3, 900e3, 0.010), Link("quick", 4e6, 4e6, 0.030, jitter_s=0.005)
        for link in (slow, quick):
            runs = [await measure(link, seed, for_s=0.3) for seed in (3, 4, 5)]  # a busy machine may spoil one
            saw = Measured(*(statistics.median(values) for values in zip(*map(astuple, runs), strict=True)))
            assert 0.85 < saw.up_bytes_s / link.up_bytes_s < 1.15, (link, saw)
            assert 0.85 < saw.down_bytes_s / link.down_bytes_s < 1.15, (link, saw)
            assert link.delay_s <= saw.delay_s < link.delay_s + 2 * link.jitter_s + 0.008, (link, saw)

    run(body())


def test_bytes_come_through_whole_and_counted(run: Run) -> None:
    async def body() -> None:
        data = np.random.default_rng(1).bytes(1_500_000)
        async with echoing(Link("x", 20e6, 20e6, 0.002, jitter_s=0.002)) as (link, port):
            parts = [data[start : start + 500_000] for start in range(0, len(data), 500_000)]
            assert await asyncio.gather(*(there_and_back(port, part) for part in parts)) == parts
            assert await there_and_back(port, b"") == b""
            assert link.up.carried_bytes == link.down.carried_bytes == len(data)

    run(body())


@on_uvloop
def test_connections_take_turns(run: Run) -> None:
    """A small message behind a bulk transfer waits for the queue, not for the transfer."""

    async def body() -> None:
        async with echoing(Link("x", 500e3, 50e6, 0.0)) as (_, port):
            bulk = asyncio.create_task(there_and_back(port, bytes(600_000)))
            await asyncio.sleep(0.2)
            began_s = time.monotonic()
            assert await there_and_back(port, b"small") == b"small"
            took_s = time.monotonic() - began_s
            assert not bulk.done() and took_s < 0.6, took_s
            await bulk

    run(body())


def test_who_does_not_read_stops_who_sends(run: Run) -> None:
    async def body() -> None:
        stop = asyncio.Event()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await stop.wait()
            writer.close()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1000)
        link = ShapedLink(server.sockets[0].getsockname()[:2], FAST)
        _, writer = await asyncio.open_connection("127.0.0.1", await link.start())
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 100 << 20:
                writer.write(bytes(1 << 18))
                await asyncio.wait_for(writer.drain(), 0.5)
                sent += 1 << 18
        assert sent < 30 << 20, "the link buffers without bound"
        stop.set()
        writer.close()
        await link.close()
        server.close()

    run(body())


def test_silence_holds_everything_and_then_goes_on(run: Run) -> None:
    async def body() -> None:
        async with echoing(FAST) as (link, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            link.cut()
            writer.write(b"two")
            late = asyncio.create_task(there_and_back(port, b"late"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), 0.15)
            assert link.up.carried_bytes == 3 and not late.done()
            link.mend()
            assert await reader.readexactly(3) == b"two" and await late == b"late"
            writer.close()

    run(body())


def test_a_reset_breaks_and_refuses_until_mended(run: Run) -> None:
    async def body() -> None:
        async with echoing(FAST) as (link, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"one")
            assert await reader.readexactly(3) == b"one"
            link.cut(reset=True)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 2)
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                reader, other = await asyncio.open_connection("127.0.0.1", port)
                other.write(b"two")
                await asyncio.wait_for(reader.readexactly(1), 2)
            link.mend()
            assert await there_and_back(port, b"three") == b"three"
            writer.close()

    run(body())


def test_a_target_that_is_not_there_is_a_broken_connection(run: Run) -> None:
    async def body() -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        gone = server.sockets[0].getsockname()[:2]
        server.close()
        link = ShapedLink(gone, FAST)
        reader, writer = await asyncio.open_connection("127.0.0.1", await link.start())
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await asyncio.wait_for(reader.readexactly(1), 2)
        writer.close()
        await link.close()

    run(body())


@given(
    trace=st.lists(st.tuples(st.floats(0.05, 2.0), st.floats(0, 5000)), max_size=6),
    asked=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 3000)), min_size=1, max_size=12),
)
def test_a_line_carries_what_its_trace_allows(trace: list[tuple[float, float]], asked: list[tuple[float, int]]) -> None:
    """Ends never overtake, and the bytes of each busy time are the trace's area under it."""
    starts = np.cumsum([0.0, *(step_s for step_s, _ in trace)])
    rates = [rate for _, rate in trace]
    steps = tuple(zip(starts.tolist(), [*rates, 1.0], strict=True)) if trace else ()
    link = Link("x", 1000.0, 500.0, 0.0, trace=steps)
    line, now_s, last_s = Line(link, up=True), 0.0, 0.0
    for wait_s, size_bytes in asked:
        now_s += wait_s
        begins_s = max(now_s, last_s)
        end_s = line.reserve(now_s, size_bytes)
        assert end_s >= begins_s
        assert _area(link, begins_s, end_s) == pytest.approx(size_bytes, rel=1e-3, abs=0.1)
        last_s = end_s
    assert Line(link, up=False).reserve(1.0, 1000) == pytest.approx(3.0)


def _area(link: Link, begins_s: float, ends_s: float) -> float:
    """Bytes that a trace allows in a time, by summing whole pieces of it."""
    lap_s = link.trace[-1][0] if link.trace else 0.0
    marks = {begins_s, ends_s}
    for lap in range(int(begins_s // lap_s), int(ends_s // lap_s) + 1) if lap_s else ():
        marks |= {lap * lap_s + start_s for start_s, _ in link.trace}
    within = sorted(mark for mark in marks if begins_s <= mark <= ends_s)
    return sum((b - a) * max(link.up_at((a + b) / 2), 1.0) for a, b in pairwise(within))


@on_uvloop
def test_a_process_of_links_is_commanded_by_lines(tmp_path: Path, run: Run) -> None:
    async def body() -> None:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1 << 16):
                writer.write(data)
            writer.close()

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        target = list(server.sockets[0].getsockname()[:2])
        plain = {"up_bytes_s": 1e7, "down_bytes_s": 1e7, "delay_s": 0.001}
        links = [{"link": {"name": name, **plain}, "target": target, "seed": 1} for name in ("a", "b")]
        config = tmp_path / "links.json"
        config.write_text(json.dumps({"links": links}))
        command = [sys.executable, "-m", "ganglion.live.shaper", str(config)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        assert process.stdin is not None and process.stdout is not None

        async def say(line: str) -> dict[str, Any]:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(line.encode() + b"\n")
            answer: dict[str, Any] = json.loads(await process.stdout.readline())
            return answer

        ports = json.loads(await process.stdout.readline())["ports"]
        assert await there_and_back(ports["a"], b"hello") == b"hello"
        assert await say("bytes") == {"bytes": {"a": {"up": 5, "down": 5}, "b": {"up": 0, "down": 0}}}
        assert await say("cut a reset") == {"cut": "a"}
        with pytest.raises(ConnectionError):
            if await there_and_back(ports["a"], b"hello") == b"":
                raise ConnectionError("ended without an answer")
        assert await there_and_back(ports["b"], b"hi") == b"hi"
        assert await say("mend a") == {"mended": "a"}
        assert await there_and_back(ports["a"], b"hello") == b"hello"
        assert "no link 'c'" in (await say("cut c"))["error"]
        assert "is no command" in (await say("explode"))["error"]
        process.stdin.close()
        assert await process.wait() == 0
        server.close()

    run(body())


@pytest.mark.parametrize("text", ["{", '{"links": [{"link": {"name": "a"}}]}', None])
def test_a_wrong_config_is_named(tmp_path: Path, text: str | None) -> None:
    config = tmp_path / "links.json"
    if text is not None:
        config.write_text(text)
    command = [sys.executable, "-m", "ganglion.live.shaper", str(config)]
    ended = subprocess.run(command, input="", capture_output=True, text=True, timeout=15)
    assert ended.returncode == 2 and str(config) in ended.stderr and "Traceback" not in ended.stderr
