"""What a node's things are for: which flows hear a message, a fact or a link, and who carries out a piece of work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..core.codec import known
from ..core.fleet import NodeId
from ..core.process import Flow
from .journal import Slot
from .runs import Row, Runs, key_of
from .tools import Tools


class Routes:
    """A place's rows by what they hear, and the node's flows by name."""

    def __init__(self, runs: Sequence[Runs]) -> None:
        self.slots: dict[str, Slot] = {}
        self._runs = {row.flow.__name__: row for row in runs}
        self._hears = {body: [row for row in runs if body in row.hears] for row in runs for body in row.hears}
        self._told = {body: [row for row in runs if body in row.told] for row in runs for body in row.told}
        self._work = {work: row for runs_row in runs for work, row in runs_row.work.items()}

    def work(self, kind: type) -> Row:
        """Who carries out a kind of work, and where."""
        return self._work[kind]

    def missing(self, tools: Tools) -> Iterator[Flow]:
        """Standing flows that the node does not have; asked one by one, for to begin one may begin others."""
        for row in self._runs.values():
            flow = row.standing(tools) if row.standing is not None else None
            if flow is not None and Slot(flow).id not in self.slots:
                yield flow

    def hearers(self, body: Any) -> list[str]:
        """Names of the kinds of flow that hear a message; none: it is not for this place.

        Raises ProtocolError for a body that only a newer ganglion knows.
        """
        return [row.flow.__name__ for row in self._hears.get(type(known(body)), ())]

    def heard(self, body: Any) -> Slot | None:
        """The flow that a message is for, the one of its key before the only one of its kind; over or not."""
        for kind in self.hearers(body):
            for key in (key_of(body), ""):
                if (slot := self.slots.get(f"{kind}/{key}")) is not None:
                    return slot
        return None

    def spawned(self, tools: Tools, sender: NodeId, body: Any) -> Flow | None:
        """A new flow for a message whose key is not there, where one is begun by it."""
        begins = (row.spawned for row in self._hears[type(body)] if row.spawned is not None)
        begin = next(begins, None)
        return None if begin is None else begin(tools, sender, body)

    def told(self, body: Any) -> Iterator[Slot]:
        """The flows that a fact is for."""
        for row in self._told.get(type(body), ()):
            slots = [slot for slot in self.slots.values() if slot.kind == row.flow.__name__ and not slot.over]
            key = key_of(body)
            yield from (slot for slot in slots if not key or slot.flow.key in (key, ""))

    def linked(self) -> list[Slot]:
        """The flows that want to know when links come and go."""
        return [slot for slot in self.slots.values() if self._runs[slot.kind].linked and not slot.over]
