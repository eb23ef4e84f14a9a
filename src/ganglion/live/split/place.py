"""One place of a split model: takes what comes from below, runs its parts, sends up as it makes and results down.

It does not know who asks: at place 0 "below" is the asker, elsewhere the link to the place before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol

from numpy.typing import NDArray

from ...core.errors import GanglionError
from ...core.label import Zone, may_enter
from ...core.ports import Tell
from ...core.process import Event, Failed
from ...core.ref import Ref
from .due import Due
from .messages import Body, Forget, Lost, Open, Opened, Piece, Probe, Probed, Pull, Results, Unopened, Work
from .opening import Opener
from .stage import Made, Requested, Stage, Tensor, carried

Attached = Sequence[tuple[Ref, NDArray[Any]]]
Below = Callable[[Body, Attached], None]
MOST_REQUESTS = 4096  # at a place at a time
LONGEST_S = 60.0  # a request that names no deadline


class Above(Protocol):
    """How a message goes to the place beyond."""

    def __call__(
        self, body: Body, attached: Attached = (), left_s: float | None = None, lost: Tell | None = None
    ) -> None: ...


class Place:
    """Holds every cut that is open and every request that is not over. All calls are on the loop's thread."""

    def __init__(self, zone: Zone, beyond: Zone | None, below: Below, above: Above, opener: Opener) -> None:
        self.stages: dict[str, Stage] = {}
        self._zone = zone
        self._beyond = beyond
        self._below = below
        self._above = above
        self._opener = opener
        self._requests: dict[int, tuple[Stage, Requested]] = {}
        self._thread = ThreadPoolExecutor(1, "parts")
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._due = Due(self._loop, self._give_up)

    def close(self) -> None:
        """Ends what runs."""
        for task in self._tasks:
            task.cancel()
        self._requests.clear()
        self._due.close()
        self._thread.shutdown(wait=True, cancel_futures=True)

    def hear(self, from_beyond: bool, body: Body, attached: Attached, left_s: float | None) -> None:
        """A message from a neighbour, or at place 0 from the asker."""
        match body:
            case Work() if not from_beyond:
                self._hear_work(body, attached, left_s or LONGEST_S)
            case Results() if from_beyond:
                self._pass_down(body, attached)
            case Lost() if from_beyond:
                self._drop(body.request)
                self._below(body, ())
            case Probe() if not from_beyond:
                self._below(Probed(body.number), ())
            case Open() if not from_beyond:
                self._spawn(self._open(body, [array for _, array in attached]))
            case Forget() if not from_beyond:
                self.stages.pop(body.cut, None)
                self._above(body)
            case Opened() | Unopened() if from_beyond:
                self._opener.answered(body)
            case Pull() if from_beyond:
                self._opener.asked(body)
            case Piece() if not from_beyond:
                self._opener.came(body, attached)
            case _:
                pass  # a neighbour says what is not its to say: nothing changes

    def linked(self, beyond: bool, up: bool) -> None:
        """A link came up or went down; what was to come over it will not."""
        if up:
            return
        self._opener.broken(beyond)
        for number, (_, request) in list(self._requests.items()):
            if not beyond:
                self._drop(number)
            elif request.awaited:
                self._lose(number, "the link to the next place went down")

    async def _open(self, body: Open, graphs: list[NDArray[Any]]) -> None:
        try:
            stage, fetched = await self._opener.open(body, graphs, self.stages.get(body.cut))
        except GanglionError as error:
            self._below(Unopened(body.cut, str(error)), ())
            return
        self.stages[body.cut] = stage
        self._below(Opened(body.cut, fetched), ())

    def _hear_work(self, body: Work, attached: Attached, left_s: float) -> None:
        if not len(body.names) == len(attached) == len(body.packed):
            self._below(Lost(body.request, "its tensors are misnamed"), ())
            return
        tensors = [
            Tensor(name, array, packed, ref.label)
            for name, packed, (ref, array) in zip(body.names, body.packed, attached, strict=True)
        ]
        self.take(body.cut, body.request, tensors, left_s)

    def take(self, cut: str, number: int, tensors: Sequence[Tensor], left_s: float) -> None:
        """Some tensors of a request, from below; `left_s` counts for one of which nothing has come before."""
        known = self._requests.get(number) or self._begin(cut, number, left_s)
        if known is None:
            return
        stage, request = known
        passing: list[Tensor] = []
        for tensor in tensors:
            if not may_enter(tensor.label, self._zone):
                self._lose(number, f"{tensor.name} may not enter the {self._zone.name.lower()}")
                return
            if tensor.label.tier > request.tier:
                request.tier = tensor.label.tier
            request.missing.discard(tensor.name)
            request.held[tensor.name] = tensor
            if tensor.name in stage.passes:
                passing.append(tensor)
        if passing:
            self._send_up(number, cut, passing, request)
        self._advance(number, cut)
        if number in self._requests:  # one that is over at once needs no timer
            self._due.add(number, request.due_s)

    def _begin(self, cut: str, number: int, left_s: float) -> tuple[Stage, Requested] | None:
        stage = self.stages.get(cut)
        if stage is None:
            self._below(Lost(number, "no cut of that name is open here; open it again", True), ())
            return None
        if len(self._requests) >= MOST_REQUESTS:
            self._below(Lost(number, f"{MOST_REQUESTS} requests are here already; ask fewer at a time"), ())
            return None
        known = self._requests[number] = (stage, stage.begin(time.monotonic(), left_s))
        return known

    def _advance(self, number: int, cut: str) -> None:
        """Runs what can run; a long part on the thread, one at a time."""
        while (known := self._requests.get(number)) is not None:
            stage, request = known
            if not stage.ready(request):
                if not request.busy and stage.over(request):
                    self._drop(number)
                return
            request.busy = True
            if not stage.quick(request):
                work = partial(stage.run, request.next, request.held, request.tier)
                self._spawn(self._run_away(number, cut, work))
                return
            try:
                self._made(number, cut, stage.run(request.next, request.held, request.tier))
            except GanglionError as error:
                self._lose(number, str(error))

    async def _run_away(self, number: int, cut: str, work: Callable[[], Made]) -> None:
        try:
            made = await self._loop.run_in_executor(self._thread, work)
        except GanglionError as error:
            self._lose(number, str(error))
            return
        self._made(number, cut, made)
        self._advance(number, cut)

    def _made(self, number: int, cut: str, made: Made) -> None:
        known = self._requests.get(number)
        if known is None:  # it was given up meanwhile
            return
        _, request = known
        request.busy = False
        request.next += 1
        request.computed_s += made.seconds
        request.held.update(made.held)
        if made.up:
            self._send_up(number, cut, made.up, request)
        if made.down:
            self._send_down(number, made.down, request)

    def _send_up(self, number: int, cut: str, tensors: Sequence[Tensor], request: Requested) -> None:
        for tensor in tensors:
            if self._beyond is None or not may_enter(tensor.label, self._beyond):
                what = f"a {tensor.label.form.name.lower()} of tier {tensor.label.tier.name.lower()}"
                self._lose(number, f"{what} may not go to the next place; plan for that tier, or answer here")
                return
        body = Work(cut, number, tuple([t.name for t in tensors]), tuple([t.packed for t in tensors]))
        left_s = max(request.due_s - time.monotonic(), 1e-3)
        self._above(body, carried(tensors), left_s, partial(self._not_sent, number))

    def _send_down(self, number: int, tensors: Sequence[Tensor], request: Requested) -> None:
        names, packed = tuple([t.name for t in tensors]), tuple([t.packed for t in tensors])
        body = Results(number, names, packed, time.monotonic() - request.began_s, request.computed_s)
        self._below(body, carried(tensors))

    def _pass_down(self, body: Results, attached: Attached) -> None:
        known = self._requests.get(body.request)
        if known is None:
            return
        stage, request = known
        request.awaited.difference_update(body.names)
        spent_s = time.monotonic() - request.began_s
        computed_s = body.computed_s + request.computed_s
        self._below(Results(body.request, body.names, body.packed, spent_s, computed_s), attached)
        if not request.busy and stage.over(request):
            self._drop(body.request)

    def _not_sent(self, number: int, event: Event) -> None:
        assert isinstance(event, Failed)
        self._lose(number, event.reason)

    def _lose(self, number: int, why: str) -> None:
        if self._drop(number):
            self._below(Lost(number, why), ())

    def _drop(self, number: int) -> bool:
        self._due.drop(number)
        return self._requests.pop(number, None) is not None

    def _give_up(self, number: int) -> None:
        self._requests.pop(number, None)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
