"""A split model that changes its way as its link does: real transfers are watched, and planned ways looked up."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from typing import Protocol

from ...core.errors import Unreachable
from ...core.label import Tier
from ...watch import Replan, Way
from ...watch.replan import EMPTY, Queue
from .asked import Arrays, Reply

PROBE_BYTES = 8_000  # sent where nothing was seen of the link for some requests
PROBE_S = 5.0
LATE_S = 0.05  # an answer that is so late says something of the link
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
        self._numbers = itertools.count()
        self._sent: dict[int, tuple[float, float]] = {}  # not answered: when an empty one would be, and its bytes
        self._came_s = 0.0  # when the latest answer came over the link
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
        before, number = replan.now, next(self._numbers)
        way = replan.ways.ways[replan.choose(self._queue())]
        self.changes += before not in (-1, replan.now)
        if way.sent_bytes:
            load = replan.load.value or 1.0
            due_s = time.monotonic() + way.near_s + way.far_s * load + replan.ways.delay_s
            self._sent[number] = (due_s, way.sent_bytes)
        try:
            reply = await self.split.ask(inputs, deadline_s, tier, way.name)
        finally:
            self._sent.pop(number, None)
        self._saw(way, reply, deadline_s)
        return reply

    def _queue(self) -> Queue:
        """Of what was sent and not answered; at the estimated rate some of it has arrived meanwhile.

        Nothing, as long as the oldest may still be in a loop that is busy rather than on the link.
        """
        now_s = time.monotonic()
        late_s, first = max(((now_s - due_s, sent) for due_s, sent in self._sent.values()), default=(0.0, 0.0))
        if late_s < LATE_S:
            return EMPTY
        queued = sum(sent for _, sent in self._sent.values()) - late_s * self.replan.rate.value
        return Queue(max(queued, 0.0), first / late_s)

    def _saw(self, way: Way, reply: Reply, deadline_s: float) -> None:
        """Learns the rate and the load from a request; one that was not answered in time bounds the rate at least."""
        if not reply.sent_bytes or not self.replan.up:
            return
        if reply.degraded:
            if reply.took_s > deadline_s / 2:  # slow, not broken
                self.replan.transferred(reply.sent_bytes, reply.took_s)
            return
        self._came(reply)
        self.replan.computed(reply.spent_s, way.far_s)

    def _came(self, reply: Reply) -> None:
        """One that waited for the one before it had the link since that was there, and its delay is in neither."""
        now_s, before_s = time.monotonic(), self._came_s
        self._came_s = now_s
        if now_s - reply.spent_s - reply.link_s >= before_s:
            self.replan.transferred(reply.sent_bytes, self._sending_s(reply.link_s))
        elif now_s - before_s >= LEAST_SHARE * reply.link_s:  # else both came together, which says nothing
            self.replan.transferred(reply.sent_bytes, now_s - before_s)

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
