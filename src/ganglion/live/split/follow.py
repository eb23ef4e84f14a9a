"""A split model that changes its way as its link does: real transfers are watched, and planned ways looked up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from ...core.errors import Unreachable
from ...core.label import Tier
from ...watch import Replan, Way
from .asked import Arrays, Reply

PROBE_BYTES = 8_000  # sent where nothing was seen of the link for some requests
PROBE_S = 5.0
LEAST_SHARE = 0.05  # of the time on a link that its bytes take at least; the delay of a fast link may be overstated


class Asked(Protocol):
    """What is followed: a split model, or something around one."""

    on_link: Callable[[bool], None]

    @property
    def up(self) -> bool: ...
    async def ask(self, inputs: Arrays, deadline_s: float, tier: Tier, way: str) -> Reply: ...
    async def probe(self, size_bytes: int, timeout_s: float) -> float: ...


class Follow:
    """Asks by the open way that is expected to be fastest now; a request ends on the way that it began.

    `replan` names its ways as they were opened in `split`. Without a link every request is answered here.
    """

    def __init__(self, split: Asked, replan: Replan) -> None:
        self.split = split
        self.replan = replan
        self.changes = 0
        self.probes = 0
        self._probing: asyncio.Task[None] | None = None
        replan.linked(split.up)
        split.on_link = replan.linked

    async def start(self) -> None:
        """Looks at the link once, so that the first request is not asked in the dark."""
        if self.replan.up:
            await self._probe()

    async def close(self) -> None:
        """Takes back a probe that is under way; the split model goes on."""
        if self._probing is not None:
            self._probing.cancel()
            await asyncio.gather(self._probing, return_exceptions=True)

    async def ask(self, inputs: Arrays, deadline_s: float = 10.0, tier: Tier = Tier.PUBLIC) -> Reply:
        """The model's results. Raises as `Split.ask` does."""
        replan = self.replan
        if replan.probe_due and (self._probing is None or self._probing.done()):
            self._probing = asyncio.get_running_loop().create_task(self._probe())
        before = replan.now
        way = replan.ways.ways[replan.choose()]
        self.changes += before not in (-1, replan.now)
        reply = await self.split.ask(inputs, deadline_s, tier, way.name)
        self._saw(way, reply, deadline_s)
        return reply

    def _saw(self, way: Way, reply: Reply, deadline_s: float) -> None:
        """Learns the rate and the load from a request; one that was not answered in time bounds the rate at least."""
        if not reply.sent_bytes or not self.replan.up:
            return
        if reply.degraded:
            if reply.took_s > deadline_s / 2:  # slow, not broken
                self.replan.transferred(reply.sent_bytes, reply.took_s)
            return
        self.replan.transferred(reply.sent_bytes, self._sending_s(reply.link_s))
        self.replan.computed(reply.spent_s, way.far_s)

    async def _probe(self) -> None:
        self.probes += 1
        try:
            took_s = self._sending_s(await self.split.probe(PROBE_BYTES, PROBE_S))
        except Unreachable:
            took_s = PROBE_S
        if self.replan.up:
            self.replan.transferred(PROBE_BYTES, took_s)

    def _sending_s(self, link_s: float) -> float:
        return max(link_s - self.replan.ways.delay_s, LEAST_SHARE * link_s)
