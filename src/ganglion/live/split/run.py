"""A place, or an asker, as a whole process: the loop, the signals that end it, and what it prints in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.cut import Cut
from ...core.label import Tier
from ...watch import Replan, Ways
from ..agent import new_loop
from ..identity.node import Identity
from ..rng import LiveRng
from .ask import Split
from .asked import Arrays, Reply
from .follow import Follow
from .hops import Seat
from .serve import Server, serve, weights_in
from .shares import Source


@dataclass(frozen=True, eq=False)
class Asking:
    """The same inputs so many times."""

    inputs: Arrays
    requests: int = 1
    deadline_s: float = 10.0
    tier: Tier = Tier.PUBLIC
    period_s: float = 0.0  # between one request and the next; 0: all are in flight at once


@dataclass(frozen=True)
class Opening:
    """Ways to open by name, each a cut and its codecs; with `ways` the link is followed, else the first one is kept."""

    cuts: tuple[tuple[str, Cut, tuple[str, ...]], ...]
    ways: Ways | None = None


def serve_place(
    identity: Identity, seats: tuple[Seat, ...], number: int, weights: Path | None, told: Callable[[int], None]
) -> None:
    """Serves until SIGTERM or Ctrl-C; `told` hears the port."""

    async def work() -> None:
        until, loop = asyncio.Event(), asyncio.get_running_loop()
        for one in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(one, until.set)
        server = Server(identity, seats, number, weights_in(weights), LiveRng(number).stream("split"))
        await serve(server, told, until)

    with asyncio.Runner(loop_factory=new_loop()) as runner:
        runner.run(work())


def ask_all(
    source: Source, identity: Identity, seats: tuple[Seat, ...], opening: Opening, asking: Asking
) -> tuple[int, list[Reply]]:
    """Bytes of weights that had to move for the cuts, and the replies in order. Raises what `Split` raises."""

    async def work() -> tuple[int, list[Reply]]:
        split = Split(source, identity, seats, LiveRng(0).stream("split"))
        await split.start()
        try:
            fetched = sum([await split.open(*way) for way in opening.cuts])
            if opening.ways is None:
                return fetched, await _ask(split.ask, asking)
            follow = Follow(split, Replan(opening.ways))
            try:
                await follow.start()
                return fetched, await _ask(follow.ask, asking)
            finally:
                await follow.close()
        finally:
            await split.close()

    with asyncio.Runner(loop_factory=new_loop()) as runner:
        return runner.run(work())


async def _ask(ask: Callable[[Arrays, float, Tier], Coroutine[Any, Any, Reply]], asking: Asking) -> list[Reply]:
    """One request per period, whether or not the one before has been answered."""
    tasks = []
    async with asyncio.TaskGroup() as group:
        for number in range(asking.requests):
            if number and asking.period_s:
                await asyncio.sleep(asking.period_s)
            tasks.append(group.create_task(ask(asking.inputs, asking.deadline_s, asking.tier)))
    return [task.result() for task in tasks]
