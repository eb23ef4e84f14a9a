"""Place 0 of a split model: many requests in flight, the cut changed under them, and an answer alone if it must be."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ...core.cut import Cut
from ...core.errors import ConfigError, ProtocolError, Refused, Unreachable
from ...core.label import PUBLIC_RAW, Form, Tier, may_enter
from ...core.ports import Tell
from ...core.process import Event
from ...core.ref import Ref
from ..identity.node import Identity
from .asked import RAW_OF, Arrays, Asked, Reply, fail, settle
from .awake import WINDOW_S
from .due import Due
from .hops import Heard, Hops, Seat
from .local import Local
from .messages import Body, Forget, Lost, Open, Opened, Probe, Probed, Results, Unopened, Work
from .open_ways import OpenWay, OpenWays
from .opening import Opener
from .place import Attached, Place
from .shares import Source
from .stage import FEATURE, Tensor, sendable
from .weights import Weights


class Split:
    """A model over places in a row. Every way that was opened stays warm until it is closed, so changing is free."""

    def __init__(
        self, source: Source, identity: Identity, seats: tuple[Seat, ...], rng: Generator, awake_s: float = WINDOW_S
    ) -> None:
        self.source = source
        self._seats = seats
        beyond = seats[1] if len(seats) > 1 else None
        self._hops = Hops(identity, (None, beyond), rng, awake_s)
        self._hops.heard = Heard(self._hear, self._linked)
        opener = Opener(0, Weights(source.weights), self._below, self._above)
        farther = None if beyond is None else beyond.zone
        self._place = Place(seats[0].zone, farther, self._below, self._above, opener)
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, Asked] = {}
        self._numbers = itertools.count(1)
        self._due = Due(self._loop, self._late)
        self._probes: dict[int, asyncio.Future[None]] = {}
        self._open = OpenWays(source, len(seats), self._hear_open)
        self._up = asyncio.Event()
        self._local: Local | None = None
        self._alone = ThreadPoolExecutor(1, "alone")
        self.way = ""
        self.on_link: Callable[[bool], None] = _ignore  # told when the first link comes up or goes down

    async def start(self, fallback: bool = True) -> None:
        """Begins to dial. With `fallback` the whole model is opened here too, for when nobody beyond answers."""
        if fallback:
            self._local = await asyncio.to_thread(Local.of, self.source)
        await self._hops.start(None)

    async def close(self) -> None:
        """Ends all that is under way."""
        await self._open.close()
        self._due.close()
        self._place.close()
        await self._hops.close()
        self._alone.shutdown(wait=True, cancel_futures=True)
        for asked in self._asked.values():
            fail(asked.done, Unreachable("the split model was closed"))

    async def linked(self, timeout_s: float = 10.0) -> None:
        """Waits for the first link. Raises Unreachable."""
        try:
            await asyncio.wait_for(self._up.wait(), timeout_s)
        except TimeoutError:
            seat, why = self._seats[1], self._hops.trouble or "too slow"
            raise Unreachable(f"{seat.node} at {seat.host}:{seat.port} did not answer: {why}; is it served?") from None

    async def open(self, way: str, cut: Cut, codecs: tuple[str, ...]) -> int:
        """Makes every place ready for a cut, under a name; the bytes of weights that had to move.

        Raises ConfigError for a cut or codec that cannot be, Unreachable, GanglionError with a place's reason.
        """
        shared = self._open.shared(way, cut, codecs)
        if len(shared.shares) > 1:
            await self.linked()
        fetched = await self._open.open(way, shared)
        self.way = self.way or way
        return fetched

    def use(self, way: str) -> None:
        """The way of requests from now on; those under way go on as they began. Raises NotFound."""
        self.way = self._open[way].name

    async def forget(self, way: str) -> None:
        """Lets go of a way once nothing is under way on it."""
        if way == self.way:
            raise ConfigError(f"way {way!r} is in use; use another before it is forgotten")
        self._open.forget(way)
        waiting = [asked.done for asked in self._asked.values() if asked.way == way]
        if waiting:
            await asyncio.wait(waiting)
        self._place.hear(False, Forget(way), (), None)

    async def ask(self, inputs: Arrays, deadline_s: float = 10.0, tier: Tier = Tier.PUBLIC, way: str = "") -> Reply:
        """The model's results. Raises Refused where the tier forbids the way, Unreachable after the deadline."""
        known = self._open[way or self.way]
        self._allowed(known, tier, inputs)
        began_s, number, share = time.monotonic(), next(self._numbers), known.share
        asked = self._asked[number] = Asked(known.name, inputs, known.wanted, self._loop.create_future())
        label = RAW_OF[tier]
        try:
            if known.lost:
                raise Unreachable(f"way {known.name!r} is being opened again; ask another way or later")
            tensors = [sendable(Tensor(name, inputs[name], False, label)) for name in share.expects]
            self._place.take(known.name, number, tensors, deadline_s)
            if not asked.done.done():
                reserve_s = self._local.reserve_s(deadline_s) if self._local is not None and share.awaits else 0.0
                self._due.add(number, began_s + max(deadline_s - reserve_s, 0.0))
            await asked.done
        except Unreachable as error:
            return await self._answer_alone(asked, began_s, deadline_s, error)
        finally:
            self._due.drop(number)
            self._asked.pop(number, None)
        return asked.reply(time.monotonic() - began_s)

    async def probe(self, size_bytes: int, timeout_s: float = 10.0) -> float:
        """Seconds for so many bytes over the first link and a few back. Raises Unreachable."""
        number = next(self._numbers)
        came = self._probes[number] = self._loop.create_future()
        carried = [(Ref("~probe", size_bytes, PUBLIC_RAW), np.zeros(size_bytes, np.uint8))]
        began_s = time.monotonic()
        self._hops.send(True, Probe(number), carried, timeout_s, partial(_probe_lost, came))
        try:
            await asyncio.wait_for(came, timeout_s)
        except TimeoutError:
            raise Unreachable(f"a probe of {size_bytes} bytes was not answered within {timeout_s:g} s") from None
        finally:
            self._probes.pop(number, None)
        return time.monotonic() - began_s

    @property
    def up(self) -> bool:
        """Whether the first link stands."""
        return self._up.is_set()

    def _allowed(self, way: OpenWay, tier: Tier, inputs: Arrays) -> None:
        """What places beyond the next may see, they check themselves."""
        for name in way.share.expects:
            if name not in inputs:
                expects = ", ".join(way.share.expects)
                raise ConfigError(f"the model takes {expects}, but {name} was not given; name each")
        if way.sends is None:
            return
        zone = self._seats[1].zone
        if not may_enter((RAW_OF if way.sends is Form.RAW else FEATURE)[tier], zone):
            what = f"a {way.sends.name.lower()} of tier {tier.name.lower()}"
            raise Refused(f"{what} may not enter the {zone.name.lower()}: this way sends one; use another way")

    def _hear_open(self, body: Open, graphs: Attached) -> None:
        self._place.hear(False, body, graphs, None)

    def _above(
        self, body: Body, attached: Attached = (), left_s: float | None = None, lost: Tell | None = None
    ) -> None:
        if isinstance(body, Work) and (asked := self._asked.get(body.request)) is not None:
            asked.sent(attached, time.monotonic())
        self._hops.send(True, body, attached, left_s, lost)

    def _hear(self, beyond: bool, body: Body, attached: Attached, left_s: float | None) -> None:
        """Over the first link."""
        if isinstance(body, Results) and (asked := self._asked.get(body.request)) is not None:
            asked.answered(body, time.monotonic())
        if isinstance(body, Probed):
            settle(self._probes.get(body.number), None)
        else:
            self._place.hear(beyond, body, attached, left_s)

    def _linked(self, beyond: bool, up: bool) -> None:
        (self._up.set if up else self._up.clear)()
        self._place.linked(beyond, up)
        self._open.linked(up)
        self.on_link(up)

    def _below(self, body: Body, attached: Attached = ()) -> None:
        match body:
            case Results():
                if (asked := self._asked.get(body.request)) is not None:
                    try:
                        asked.came(body, attached)
                    except ProtocolError as error:
                        fail(asked.done, Unreachable(f"a result came damaged: {error}"))
            case Lost():
                if (asked := self._asked.get(body.request)) is not None:
                    fail(asked.done, Unreachable(body.why))
                    if body.unopened:
                        self._open.lose(asked.way)
            case Opened() | Unopened():
                self._open.heard(body)

    def _late(self, number: int) -> None:
        fail(self._asked[number].done, Unreachable("no answer came from beyond in time for its deadline"))

    async def _answer_alone(self, asked: Asked, began_s: float, deadline_s: float, error: Unreachable) -> Reply:
        """From the deepest exit that this place reaches in the time left. Raises the error where there is none."""
        if self._local is None:
            raise error
        local, due_s = self._local, began_s + deadline_s

        def run() -> dict[str, NDArray[Any]] | None:
            exit = local.deepest(due_s - time.monotonic())
            return None if exit is None else {exit.name: exit.part(asked.inputs)[exit.name]}

        outputs = await self._loop.run_in_executor(self._alone, run)
        if outputs is None:
            raise error
        return Reply(outputs, "", time.monotonic() - began_s, asked.sent_bytes, degraded=True)


def _probe_lost(came: asyncio.Future[None], event: Event) -> None:
    fail(came, Unreachable("the probe was lost with its link"))


def _ignore(up: bool) -> None:
    """Nobody follows the link."""
