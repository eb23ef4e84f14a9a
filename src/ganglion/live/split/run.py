"""A place, or an asker, as a whole process: the loop, the signals that end it, and what it prints in between."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ...core.cut import Cut
from ...core.label import Tier
from ..agent import new_loop
from ..identity.node import Identity
from ..rng import LiveRng
from .ask import Split
from .asked import Arrays, Reply
from .hops import Seat
from .serve import Server, serve, weights_in
from .shares import Source

WAY = "plan"


@dataclass(frozen=True, eq=False)
class Asking:
    """The same inputs so many times, all in flight at once."""

    inputs: Arrays
    requests: int = 1
    deadline_s: float = 10.0
    tier: Tier = Tier.PUBLIC


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
    source: Source, identity: Identity, seats: tuple[Seat, ...], way: tuple[Cut, tuple[str, ...]], asking: Asking
) -> tuple[int, list[Reply]]:
    """Bytes of weights that had to move for the cut, and the replies in order. Raises what `Split` raises."""

    async def work() -> tuple[int, list[Reply]]:
        split = Split(source, identity, seats, LiveRng(0).stream("split"))
        await split.start()
        try:
            fetched = await split.open(WAY, *way)
            asked = [split.ask(asking.inputs, asking.deadline_s, asking.tier) for _ in range(asking.requests)]
            return fetched, await asyncio.gather(*asked)
        finally:
            await split.close()

    with asyncio.Runner(loop_factory=new_loop()) as runner:
        return runner.run(work())
