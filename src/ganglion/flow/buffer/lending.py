"""Who learns on which weights, who is late with it, and who is free: the book that an asynchronous job keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...core.fleet import NodeId
from ...core.ref import Ref
from ..round.messages import Late, Rejected
from .messages import Lent, Ready


@dataclass
class Lending:
    """Each client is in one of the books at most."""

    asked: int = 0  # assignments so far
    lent: dict[NodeId, Lent] = field(default_factory=dict)
    checking: dict[NodeId, Ready] = field(default_factory=dict)
    owing: dict[NodeId, int] = field(default_factory=dict)  # whose place was taken, and what they were asked

    def awaits(self, client: NodeId, number: int) -> bool:
        """Whether this client's answer to this assignment is wanted."""
        lent = self.lent.get(client)
        return lent is not None and lent.number == number

    def busy(self, client: NodeId) -> bool:
        """Whether it learns, or its update is being looked at."""
        return client in self.lent or client in self.checking

    def free(self, clients: Sequence[NodeId], count: int) -> tuple[NodeId, ...]:
        """Candidates for so many places; whoever let a deadline pass only where nobody else is left."""
        idle = tuple(one for one in clients if not self.busy(one))
        good = tuple(one for one in idle if one not in self.owing)
        return good if len(good) >= count else idle

    def lend(self, client: NodeId, version: int, base: Ref, now_s: float) -> int:
        """A new assignment; its number."""
        self.asked += 1
        self.owing.pop(client, None)
        self.lent[client] = Lent(self.asked, version, base, now_s)
        return self.asked

    def lose(self, client: NodeId) -> bool:
        """Takes a client's place away; whether it had one."""
        lent = self.lent.pop(client, None)
        if lent is not None:
            self.owing[client] = lent.number
        return lent is not None

    def unwanted(self, job: int, client: NodeId, number: int) -> Late | Rejected:
        """What an answer is that is not awaited: late once, refused from then on."""
        if self.owing.get(client) == number:
            self.owing[client] = -number
            return Late(job, number, client)
        known = 0 < number <= self.asked
        return Rejected(job, number, client, "its assignment is over" if known else "nobody asked for it")

    @property
    def bases(self) -> set[Ref]:
        """Weights that somebody may still be fetching."""
        return {lent.base for lent in self.lent.values()}
