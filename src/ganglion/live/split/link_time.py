"""How long bytes take to a place that is served, over the real wire: a start, and a rate, from two sizes."""

from __future__ import annotations

import asyncio

from ..agent import new_loop
from ..identity.node import Identity
from ..rng import LiveRng
from ..stopwatch import LinkTime, line_through
from .ask import Split
from .hops import Seat
from .shares import Source

PROBES = 7  # of each size; the first ones of a connection, which TCP holds back, are not counted
WARM = 3
SMALL_BYTES = 8_000
LARGE_BYTES = (32_000, 4_000_000)
LARGE_S = 0.5  # that the larger size should take about


def time_link(source: Source, identity: Identity, seats: tuple[Seat, Seat]) -> LinkTime:
    """Medians over probes in turns; nothing of the model moves. Raises Unreachable, or ConfigError without a rate."""

    async def work() -> LinkTime:
        split = Split(source, identity, seats, LiveRng(0).stream("link"))
        await split.start(fallback=False)
        try:
            await split.linked()
            return await probed(split)
        finally:
            await split.close()

    with asyncio.Runner(loop_factory=new_loop()) as runner:
        return runner.run(work())


async def probed(split: Split) -> LinkTime:
    """The first link of a split model that is linked."""
    warm_s = [await split.probe(SMALL_BYTES) for _ in range(WARM)]
    large_bytes = int(min(max(SMALL_BYTES / min(warm_s) * LARGE_S, LARGE_BYTES[0]), LARGE_BYTES[1]))
    small_s, large_s = [], []
    for _ in range(PROBES):
        small_s.append(await split.probe(SMALL_BYTES))
        large_s.append(await split.probe(large_bytes, 60.0))
    return line_through((SMALL_BYTES, small_s), (large_bytes, large_s))
