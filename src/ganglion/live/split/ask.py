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
from ...core.errors import ConfigError, GanglionError, NotFound, ProtocolError, Refused, Unreachable
from ...core.label import PUBLIC_RAW, Form, Tier, may_enter
from ...core.ports import Tell
from ...core.process import Event
from ...core.ref import Ref
from ..identity.node import Identity
from ..wire.limits import Settings
from .asked import RAW_OF, Arrays, Asked, Reply, Way, fail, settle
from .hops import Heard, Hops, Seat
from .local import Local
from .messages import Body, Forget, Lost, Open, Opened, Probe, Probed, Results, Unopened, Work
from .opening import Opener
from .place import Attached, Place
from .shares import Source, share_out
from .stage import FEATURE, Tensor, sendable
from .weights import Weights

OPEN_S = 120.0  # to make every place ready for a cut


class Split:
    """A model over places in a row. Every way that was opened stays warm until it is closed, so changing is free."""

    def __init__(self, source: Source, identity: Identity, seats: tuple[Seat, ...], rng: Generator) -> None:
        self.source = source
        self._seats = seats
        beyond = seats[1] if len(seats) > 1 else None
        heard = Heard(self._hear, self._linked)
        self._hops = Hops(identity, (None, beyond), heard, rng, Settings())
        opener = Opener(0, Weights(source.weights), self._below, self._above)
        farther = None if beyond is None else beyond.zone
        self._place = Place(seats[0].zone, farther, self._below, self._above, opener)
        self._loop = asyncio.get_running_loop()
        self._asked: dict[int, Asked] = {}
        self._numbers = itertools.count(1)
        self._opening: dict[str, asyncio.Future[int]] = {}
        self._probes: dict[int, asyncio.Future[None]] = {}
        self._ways: dict[str, Way] = {}
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
        if not way or way in self._ways:
            raise ConfigError(f"a way named {way!r} cannot be opened: it has no name or is open; choose another")
        if 1 + max(cut.places, default=0) > len(self._seats):
            raise ConfigError(f"the cut names {1 + max(cut.places)} places, the plan has {len(self._seats)}; add seats")
        shared = share_out(self.source, cut, codecs)
        if len(shared.shares) > 1:
            await self.linked()
        ready = self._opening[way] = self._loop.create_future()
        graphs = [(Ref("~graph", len(graph), PUBLIC_RAW), np.frombuffer(graph, np.uint8)) for graph in shared.graphs]
        try:
            self._place.hear(False, Open(way, shared.shares), graphs, None)
            fetched: int = await asyncio.wait_for(ready, OPEN_S)
        except TimeoutError:
            raise Unreachable(f"way {way!r} was not ready everywhere within {OPEN_S:g} s; see the logs") from None
        finally:
            self._opening.pop(way, None)
        self._ways[way] = Way.of(shared.shares[0])
        self.way = self.way or way
        return fetched

    def use(self, way: str) -> None:
        """The way of requests from now on; those under way go on as they began. Raises NotFound."""
        self._way(way)
        self.way = way

    async def forget(self, way: str) -> None:
        """Lets go of a way once nothing is under way on it."""
        if way == self.way:
            raise ConfigError(f"way {way!r} is in use; use another before it is forgotten")
        self._ways.pop(way, None)
        waiting = [asked.done for asked in self._asked.values() if asked.way == way]
        if waiting:
            await asyncio.wait(waiting)
        self._place.hear(False, Forget(way), (), None)

    async def ask(self, inputs: Arrays, deadline_s: float = 10.0, tier: Tier = Tier.PUBLIC, way: str = "") -> Reply:
        """The model's results. Raises Refused where the tier forbids the way, Unreachable after the deadline."""
        way = way or self.way
        known = self._way(way)
        self._allowed(known, tier, inputs)
        began_s, number, share = time.monotonic(), next(self._numbers), known.share
        asked = self._asked[number] = Asked(way, inputs, known.wanted, self._loop.create_future())
        tensors = [sendable(Tensor(name, inputs[name], False, RAW_OF[tier])) for name in share.expects]
        carried = [(Ref(f"~{number}/{one.name}", one.array.nbytes, one.label), one.array) for one in tensors]
        timer = None
        try:
            work = Work(way, number, share.expects, tuple([one.packed for one in tensors]))
            self._place.hear(False, work, carried, deadline_s)
            if not asked.done.done():
                reserve_s = self._local.reserve_s(deadline_s) if self._local is not None and share.awaits else 0.0
                timer = self._loop.call_later(max(deadline_s - reserve_s, 0.0), self._late, number, deadline_s)
            await asked.done
        except Unreachable as error:
            return await self._answer_alone(asked, began_s, deadline_s, error)
        finally:
            if timer is not None:
                timer.cancel()
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

    def _way(self, name: str) -> Way:
        found = self._ways.get(name)
        if found is None:
            raise NotFound(f"no way {name!r} is open; there are {sorted(self._ways)}: open it first")
        return found

    def _allowed(self, way: Way, tier: Tier, inputs: Arrays) -> None:
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
            case Opened():
                settle(self._opening.get(body.cut), body.fetched_bytes)
            case Unopened():
                fail(self._opening.get(body.cut), GanglionError(f"way {body.cut!r} cannot be opened: {body.why}"))

    def _late(self, number: int, deadline_s: float) -> None:
        why = f"no answer came from beyond in time for a deadline of {deadline_s:g} s"
        fail(self._asked[number].done, Unreachable(why))

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
