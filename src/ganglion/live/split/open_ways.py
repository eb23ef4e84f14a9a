"""The ways that are open at place 0: opened by name, and opened again where a place has come back without them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.cut import Cut
from ...core.errors import ConfigError, GanglionError, NotFound, Unreachable
from ...core.label import PUBLIC_RAW, Form
from ...core.ref import Ref
from .messages import Open, Opened, Share, Unopened
from .shares import Shared, Source, share_out

OPEN_S = 120.0  # to make every place ready for a cut
FIRST_S, LONGEST_S = 0.1, 10.0  # between attempts to open a way again
Carried = list[tuple[Ref, NDArray[Any]]]
log = logging.getLogger("ganglion.split")


@dataclass(eq=False)
class OpenWay:
    """A cut that is open, as place 0 needs it for a request, and all that it takes to open it again."""

    name: str
    shared: Shared
    share: Share  # of place 0
    wanted: frozenset[str]  # the model's results, wherever they are made
    sends: Form | None  # over the first link; None where nothing is
    lost: bool = False  # a place beyond has come back without it

    @staticmethod
    def of(name: str, shared: Shared) -> OpenWay:
        """From what every place does."""
        share = shared.shares[0]
        form = Form.RAW if set(share.sends) & set(share.expects) else Form.FEATURE
        return OpenWay(name, shared, share, frozenset((*share.results, *share.awaits)), form if share.sends else None)


class OpenWays:
    """Opens ways by a message to place 0, which sends on what is not its own. All calls are on the loop's thread."""

    def __init__(self, source: Source, places: int, hear: Callable[[Open, Carried], None]) -> None:
        self._source = source
        self._places = places
        self._hear = hear
        self._ways: dict[str, OpenWay] = {}
        self._opening: dict[str, asyncio.Future[int]] = {}
        self._wanted: set[str] = set()  # to be opened again
        self._again: asyncio.Task[None] | None = None

    def __getitem__(self, name: str) -> OpenWay:
        """Raises NotFound."""
        found = self._ways.get(name)
        if found is None:
            raise NotFound(f"no way {name!r} is open; there are {sorted(self._ways)}: open it first")
        return found

    def shared(self, name: str, cut: Cut, codecs: tuple[str, ...]) -> Shared:
        """What every place would do. Raises ConfigError for a name that is taken, or a cut or codec that cannot be."""
        if not name or name in self._ways or name in self._opening:
            raise ConfigError(f"a way named {name!r} cannot be opened: it has no name or is open; choose another")
        if 1 + max(cut.places, default=0) > self._places:
            raise ConfigError(f"the cut names {1 + max(cut.places)} places, the plan has {self._places}; add seats")
        return share_out(self._source, cut, codecs)

    async def open(self, name: str, shared: Shared) -> int:
        """Makes every place ready; the bytes of weights that had to move. Raises Unreachable, GanglionError."""
        fetched = await self._ready(name, shared)
        self._ways[name] = OpenWay.of(name, shared)
        return fetched

    async def _ready(self, name: str, shared: Shared) -> int:
        ready = self._opening[name] = asyncio.get_running_loop().create_future()
        graphs = [(Ref("~graph", len(graph), PUBLIC_RAW), np.frombuffer(graph, np.uint8)) for graph in shared.graphs]
        try:
            self._hear(Open(name, shared.shares), graphs)
            fetched: int = await asyncio.wait_for(ready, OPEN_S)
        except TimeoutError:
            raise Unreachable(f"way {name!r} was not ready everywhere within {OPEN_S:g} s; see the logs") from None
        finally:
            self._opening.pop(name, None)
        return fetched

    def heard(self, body: Opened | Unopened) -> None:
        """Every place is ready for a way, or one cannot be."""
        ready = self._opening.get(body.cut)
        if ready is None or ready.done():
            return
        if isinstance(body, Opened):
            ready.set_result(body.fetched_bytes)
        else:
            ready.set_exception(GanglionError(f"way {body.cut!r} cannot be opened: {body.why}"))

    def forget(self, name: str) -> None:
        """It is not opened again."""
        self._ways.pop(name, None)

    def lose(self, name: str) -> None:
        """A place beyond says that it has no such way: it is opened again until it is there."""
        way = self._ways.get(name)
        if way is not None and not way.lost:
            way.lost = True
            self._begin({name} | self._wanted)

    def linked(self, up: bool) -> None:
        """The first link came up or went down; a place that has come back may have forgotten everything."""
        self._stop()
        if up:
            self._begin({way.name for way in self._ways.values() if way.sends is not None})

    async def close(self) -> None:
        """Opens nothing any more."""
        task = self._again
        self._stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    def _begin(self, names: set[str]) -> None:
        self._wanted = names
        if names and self._again is None:
            self._again = asyncio.get_running_loop().create_task(self._reopen())

    def _stop(self) -> None:
        if self._again is not None:
            self._again.cancel()
        self._again, self._wanted = None, set()

    async def _reopen(self) -> None:
        """What is open at a place and has not changed costs it nothing to open again."""
        wait_s = FIRST_S
        while self._wanted:
            for name in sorted(self._wanted):
                await self._open_again(name)
            if self._wanted:
                await asyncio.sleep(wait_s)
                wait_s = min(2 * wait_s, LONGEST_S)
        self._again = None

    async def _open_again(self, name: str) -> None:
        way = self._ways.get(name)
        if way is not None:
            try:
                fetched = await self._ready(name, way.shared)
            except GanglionError as error:
                log.warning("%s; trying again", error)
                return
            way.lost = False
            log.info("way %s is open again; %d bytes of weights moved", name, fetched)
        self._wanted.discard(name)
