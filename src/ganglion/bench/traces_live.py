"""Traces over a real link: a shaped relay, mutual TLS, another process, and the ways followed as in service.

What is declared in the virtual run is declared here too, and waited for: the seconds that a way computes on a device
and on a server. What is real: the bytes, the connections, the estimates, the changes, and requests that overlap.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from ..core.cut import Cut
from ..core.errors import GanglionError, Unreachable
from ..core.fleet import Link
from ..core.label import Tier
from ..core.rng import stream
from ..engine.onnx.captured import Captured
from ..engine.onnx.no_op import narrowing
from ..live.identity.node import Identity
from ..live.process import ONE_THREAD
from ..live.shaper import ShapedLink
from ..live.split.ask import Split
from ..live.split.asked import Arrays, Reply
from ..live.split.follow import Follow
from ..watch import Replan, Ways
from .overhead import PEER, identities
from .overhead_peer import NODES, PORTS, SEATS
from .traces_read import Floats, Trace

DOWN_BYTES_S = 1e6
DEADLINE_S = 20.0
ANSWER = 16  # numbers
LEAD_S = 5.0  # before the trace begins


class Slowed:
    """A split model whose ways take the time that they are declared to take, and wait for it."""

    def __init__(self, split: Split, ways: Ways) -> None:
        self.split = split
        self.ways = ways
        self.on_link: Callable[[bool], None] = lambda up: None
        split.on_link = lambda up: self.on_link(up)

    @property
    def up(self) -> bool:
        """Whether the first link stands."""
        return self.split.up

    async def probe(self, size_bytes: int, timeout_s: float) -> float:
        """Seconds there and back."""
        return await self.split.probe(size_bytes, timeout_s)

    async def ask(self, inputs: Arrays, deadline_s: float, tier: Tier, way: str) -> Reply:
        """The near part before anything is sent, the far part after the answer is here."""
        known = next(one for one in self.ways.ways if one.name == way)
        began_s = time.monotonic()
        await asyncio.sleep(known.near_s)
        reply = await self.split.ask(inputs, deadline_s, tier, way)
        await asyncio.sleep(known.far_s)
        return reply.slower(time.monotonic() - began_s, known.far_s)


@dataclass(frozen=True)
class Pace:
    """How a trace is played."""

    period_s: float  # between requests
    requests: int
    switch_s: float  # what a change is expected to cost


@dataclass(frozen=True, eq=False)
class Run:
    """What came of it."""

    replies: list[Reply | None]  # None where no answer came at all
    changes: int
    probes: int

    @property
    def seconds(self) -> Floats:
        """Of each request; a lost one counts as its whole deadline."""
        return np.array([DEADLINE_S if reply is None else reply.took_s for reply in self.replies])

    @property
    def lost(self) -> int:
        """Requests without an answer."""
        return sum(reply is None for reply in self.replies)

    @property
    def alone(self) -> int:
        """Requests that the device answered because nothing came in time."""
        return sum(reply is not None and reply.degraded for reply in self.replies)


def live(trace: Trace, ways: Ways, pace: Pace) -> tuple[Run, ...]:
    """Replays a trace's beginning, followed and by each way alone, all at the same time on links of their own.

    The followed run comes first, the others in the ways' order.
    """
    allowed = (ways, *(Ways.of([way], ways.delay_s) for way in ways.ways))
    with ThreadPoolExecutor(len(allowed)) as threads:  # each waits nearly all the time
        runs = [threads.submit(_run, trace, ways, one, pace) for one in allowed]
        return tuple(one.result() for one in runs)


def _run(trace: Trace, ways: Ways, allowed: Ways, pace: Pace) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identities(folder)
        command = [sys.executable, "-m", PEER, str(folder / NODES[1])]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, **pipes) as peer:
            assert peer.stdout is not None and peer.stdin is not None
            line = peer.stdout.readline().split()
            if len(line) != PORTS:
                raise Unreachable(f"the far side ended with {peer.wait()}; run it again with -v")
            found = uvloop.run(_replay(folder, int(line[0]), trace, (ways, allowed), pace))
            peer.stdin.close()
    return found


async def _replay(folder: Path, far: int, trace: Trace, ways: tuple[Ways, Ways], pace: Pace) -> Run:
    every, allowed = ways
    sizes = {int(way.sent_bytes) // 4 for way in every.ways if way.sent_bytes}
    model = narrowing((*sorted(sizes, reverse=True), ANSWER))
    link = ShapedLink(("127.0.0.1", far), _link(trace, every.delay_s / 2))
    port, began_s = await link.start(), time.monotonic()
    split = Split(model, Identity.load(folder / NODES[0]), (SEATS[0], replace(SEATS[1], port=port)), stream(0, "live"))
    await split.start()
    follow = Follow(Slowed(split, every), Replan(allowed, switch_s=pace.switch_s))
    try:
        await split.linked(60.0)
        for way in every.ways:
            await split.open(way.name, _cut(model, int(way.sent_bytes)), ("raw",))
        await asyncio.sleep(LEAD_S - (time.monotonic() - began_s))
        x = {"x0": np.zeros((1, model.example["x0"].shape[1]), np.float32)}
        return Run(await _requests(follow, x, pace.period_s, pace.requests), follow.changes, follow.probes)
    finally:
        await follow.close()
        await split.close()
        await link.close()


def _link(trace: Trace, delay_s: float) -> Link:
    """A fast link while connections are made and ways opened, then the trace."""
    rates = [(LEAD_S + float(at), float(rate)) for at, rate in zip(trace.at_s, trace.bytes_s, strict=False)]
    end = (LEAD_S + trace.lap_s, rates[-1][1])
    return Link("trace", DOWN_BYTES_S, DOWN_BYTES_S, delay_s, trace=((0.0, DOWN_BYTES_S), *rates, end))


def _cut(model: Captured, sent_bytes: int) -> Cut:
    """What makes the tensor of so many bytes is here, the rest there; 0: all of it is here."""
    whole = sent_bytes == model.model.input_bytes[0]
    near = [not whole and kernel.out_bytes >= sent_bytes for kernel in model.model.kernels]
    return Cut(tuple(0 if one else 1 for one in near), model.model.weights)


async def _requests(follow: Follow, x: Arrays, period_s: float, requests: int) -> list[Reply | None]:
    """One per period, whatever became of those before; None where no answer came at all."""
    tasks, began_s = [], time.monotonic()
    for number in range(requests):
        await asyncio.sleep(max(began_s + number * period_s - time.monotonic(), 0.0))
        tasks.append(asyncio.create_task(_answer(follow, x)))
    return list(await asyncio.gather(*tasks))


async def _answer(follow: Follow, x: Arrays) -> Reply | None:
    try:
        return await follow.ask(x, DEADLINE_S)
    except GanglionError:
        return None
