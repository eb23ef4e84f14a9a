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
from dataclasses import replace
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
from .overhead_peer import NODES, SEATS
from .traces_read import Trace

DOWN_BYTES_S = 1e6
DEADLINE_S = 20.0
ANSWER = 16  # numbers
LEAD_S = 5.0  # before the trace begins
Result = dict[str, Any]


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
        return replace(reply, took_s=time.monotonic() - began_s, spent_s=reply.spent_s + known.far_s)


def live(trace: Trace, ways: Ways, pace: tuple[float, int], switch_s: float) -> Result:
    """Replays a trace's beginning; `pace` is seconds between requests and how many. Figures, and what was lost."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        identities(folder)
        command = [sys.executable, "-m", PEER, str(folder / NODES[1])]
        pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, env={**os.environ, **ONE_THREAD}, **pipes) as peer:
            assert peer.stdout is not None and peer.stdin is not None
            line = peer.stdout.readline().split()
            if len(line) != 2:
                raise Unreachable(f"the far side ended with {peer.wait()}; run it again with -v")
            found = uvloop.run(_replay(folder, int(line[0]), trace, ways, (*pace, switch_s)))
            peer.stdin.close()
    return found


async def _replay(folder: Path, far: int, trace: Trace, ways: Ways, pace: tuple[float, int, float]) -> Result:
    period_s, requests, switch_s = pace
    model = narrowing(
        (*sorted({int(way.sent_bytes) // 4 for way in ways.ways if way.sent_bytes}, reverse=True), ANSWER)
    )
    link = ShapedLink(("127.0.0.1", far), _link(trace, ways.delay_s / 2))
    port, began_s = await link.start(), time.monotonic()
    split = Split(model, Identity.load(folder / NODES[0]), (SEATS[0], replace(SEATS[1], port=port)), stream(0, "live"))
    await split.start()
    follow = Follow(Slowed(split, ways), Replan(ways, switch_s=switch_s))
    try:
        await split.linked(60.0)
        for way in ways.ways:
            await split.open(way.name, _cut(model, int(way.sent_bytes)), ("raw",))
        await asyncio.sleep(LEAD_S - (time.monotonic() - began_s))
        x = {"x0": np.zeros((1, model.example["x0"].shape[1]), np.float32)}
        return _figures(await _requests(follow, x, period_s, requests), follow)
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


def _figures(replies: list[Reply | None], follow: Follow) -> Result:
    taken = [reply.took_s for reply in replies if reply is not None]
    return {
        "ours_ms": 1e3 * float(np.mean(taken)),
        "changes": follow.changes,
        "probes": follow.probes,
        "alone": sum(reply is not None and reply.degraded for reply in replies),
        "lost": sum(reply is None for reply in replies),
    }
