"""What an asynchronous job remembers of those that learn for it; all that is said, the rounds' messages say."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.fleet import NodeId
from ...core.ref import Ref
from ...core.update import Counted


@dataclass(frozen=True)
class Lent:
    """One client at work: on which weights, and since when."""

    number: int  # of the assignment
    version: int  # steps that its base has behind it
    base: Ref
    since_s: float


@dataclass(frozen=True)
class Ready:
    """One update that waits to be added."""

    client: NodeId
    update: Counted
    version: int
    seconds: float
    loss: float | None = None


@dataclass(frozen=True)
class Pace:
    """How an asynchronous job goes: FedBuff; with `full` 1 FedAsync.

    Source: Nguyen et al. 2022, arXiv:2106.06639 (FedBuff); Xie et al. 2019, arXiv:1903.03934 (FedAsync), whose server
    mixes models: here the change is added, which is the same where nothing is stale.
    """

    busy: int = 10  # clients that learn at a time
    full: int = 5  # updates that make a step
    fade: float = 0.5  # an update of staleness t counts (1 + t) to the power of minus this
    mix: float = 1.0  # factor on every update; FedAsync's alpha
    patience_s: float = 60.0  # for one client, before another takes its place

    def factor(self, steps: int) -> float:
        """How much an update still counts whose base is so many steps old."""
        return self.mix * float((1.0 + steps) ** -self.fade)
