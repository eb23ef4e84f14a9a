"""Carries work out: small work on the node's own thread, the rest by whatever stands behind.

A node's declared slowness is kept here: its answer is held back by as much as a slower machine would have taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.errors import GanglionError, Refused
from ..core.ports import Clock, Tell, Workers
from ..core.process import Done, Event, Failed
from .runs import Row, Where
from .tools import Tools


def carry_out(work: Any, tools: Tools, rows: Mapping[type, Row]) -> Any:
    """The result of one piece of work. Raises GanglionError when it cannot be done."""
    return rows[type(work)].call(work, tools)


def attempt(name: str, work: Any, tools: Tools, rows: Mapping[type, Row]) -> Event:
    """Done with the result, or Failed with the reason."""
    try:
        return Done(name, carry_out(work, tools, rows))
    except GanglionError as error:
        return Failed(name, str(error), isinstance(error, Refused))


@dataclass
class Carrier:
    """A Workers port over another: what is INLINE is done at once, here."""

    tools: Tools
    rows: Mapping[type, Row]
    clock: Clock
    behind: Workers
    slowdown: float = 1.0
    cost_s: Callable[[Any, Event], float] | None = None  # declared, of work and what came of it; None: as measured
    cpu_s: Callable[[], float] | None = None  # of this thread: a slower machine is not slower at waiting for its turn

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None:
        """Does it now, or hands it on."""
        if where != Where.INLINE.value:
            self.behind.submit(name, work, where, tell)
            return
        began_s, stopwatch = self.clock.now_s(), self.cpu_s or self.clock.now_s
        from_s = stopwatch()
        event = attempt(name, work, self.tools, self.rows)
        took_s = stopwatch() - from_s
        wait_s = took_s * (self.slowdown - 1.0) if self.cost_s is None else self.cost_s(work, event) * self.slowdown
        if wait_s > 0.0:
            self.clock.wake(began_s + took_s + wait_s, lambda: tell(event))
        else:
            tell(event)

    def cancel(self, name: str) -> None:
        """Gives up work that has not ended."""
        self.behind.cancel(name)
