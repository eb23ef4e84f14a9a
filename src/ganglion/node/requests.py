"""What flows asked of the clock and of workers, and how the answer finds back to its flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..core.ports import Clock, Workers
from ..core.process import Done, Event, Failed, Woke
from .journal import Slot
from .routes import Routes


class Requests:
    """Asks under a name that no other flow of the node has; `back` hears what comes of it."""

    def __init__(self, clock: Clock, workers: Workers, routes: Routes, back: Callable[[Slot, Event], None]) -> None:
        self._clock = clock
        self._workers = workers
        self._routes = routes
        self._back = back
        self._offset_s = 0.0

    def now_s(self) -> float:
        """Node time: monotonic, and going on where a former life of this node stopped."""
        return self._clock.now_s() + self._offset_s

    def resume(self, latest_s: float) -> None:
        """Goes on from the last node time that was committed."""
        self._offset_s = max(0.0, latest_s - self._clock.now_s())

    def again(self, slot: Slot) -> None:
        """Asks for everything that a flow of a former life was still waiting for."""
        for name, at_s in list(slot.waking.items()):
            self.wake(slot, name, at_s)
        for name, work in list(slot.doing.items()):
            self.do(slot, name, work)

    def do(self, slot: Slot, name: str, work: Any) -> None:
        """Work, wherever the flow's table says that it is done."""

        def done(event: Event) -> None:  # workers know it by its long name, the flow by its own
            self._back(slot, replace(event, name=name) if isinstance(event, (Done, Failed)) else event)

        self._workers.submit(f"{slot.id}:{name}", work, self._routes.work(type(work)).where.value, done)

    def wake(self, slot: Slot, name: str, at_s: float) -> None:
        """A call at a node time, unless another time was asked for meanwhile."""

        def ring() -> None:
            if slot.waking.get(name) == at_s:
                self._back(slot, Woke(name))

        self._clock.wake(at_s - self._offset_s, ring)

    def cancel(self, slot: Slot, name: str) -> None:
        """Gives up work; a wake that is no longer waited for does not ring."""
        self._workers.cancel(f"{slot.id}:{name}")
