"""What the sides of a round say, and the work each asks for. A round stands alone, or is one of a job's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...core.compute import Sgd
from ...core.fleet import NodeId
from ...core.ref import Ref
from ...core.update import Counted


def _job(body: Any) -> str:
    """Which job a message is for."""
    return str(body.job)


def _job_or_round(body: Any) -> str:
    """Which job, or which round that stands alone."""
    return str(body.job or body.number)


@dataclass(frozen=True)
class Terms:
    """What every round of a job goes by."""

    job: int
    method: str = "fedavg"  # a row of learn/methods
    how: Sgd = Sgd(0.1)
    values: tuple[tuple[str, float | str], ...] = ()  # the method's own parameters
    data: str = "dealt"  # public examples dealt among the nodes of a zone; "kept": what a site kept and labelled
    least: int = 1  # examples below which a client declines
    tiers: int = 0  # of aggregators between the server and those that learn
    below: int = 1  # rounds that each of these makes before it answers: kappa 2 of HierFAVG
    accept_s: float = 0.0  # who has not begun after so long is not waited for; 0: no such phase
    stretch: float = 0.0  # deadline: median + so many MAD of the arrivals so far, once a quorum is there; 0: patience
    compress: tuple[tuple[str, float | str], ...] = ()  # "name" of a compression and its parameters; none: float32


@dataclass(frozen=True)
class Ask:
    """Server to client: learn from these weights."""

    number: int
    base: Ref  # float32 weights

    key = property(lambda self: str(self.number))


@dataclass(frozen=True)
class Assign:
    """Server to client: learn from these weights as a job's terms say. A higher number replaces a lower one."""

    number: int
    base: Ref
    terms: Terms
    common: Ref | None = None  # what the server keeps for everybody beside the weights
    left_s: float = 60.0  # after so long nobody waits for the answer

    spare = property(lambda self: 1)  # a full outbox may give it up, for a later one replaces it
    key = property(lambda self: str(self.terms.job))


@dataclass(frozen=True)
class Dismiss:
    """Server to client: the job is over; nothing is wanted any more, nothing has to be remembered."""

    job: int

    key = property(_job)


@dataclass(frozen=True)
class Begun:
    """Client to server: I have all that I need, and learn."""

    number: int
    job: int

    key = property(_job)


@dataclass(frozen=True)
class Learnt:
    """Client to server: what I learned; its delta comes along or has been pushed before."""

    number: int
    update: Counted
    job: int = 0

    key = property(_job_or_round)


@dataclass(frozen=True)
class Declined:
    """Client to server: nothing will come from here, and why."""

    number: int
    why: str
    job: int = 0

    key = property(_job_or_round)


@dataclass(frozen=True)
class Check:
    """Work: whether an update is what this round can add: whole, finite, of the base's shape, made for this round."""

    number: int
    base: Ref
    client: NodeId
    update: Counted
    terms: Terms


@dataclass(frozen=True)
class Checked:
    """Result: why not; "" if it is. And the loss of the base on the client's examples, where it came along."""

    why: str
    loss: float | None = None


@dataclass(frozen=True)
class Aggregate:
    """Work: add the updates to the base; with terms, only add them up."""

    number: int
    base: Ref
    updates: tuple[tuple[NodeId, Counted], ...]
    terms: Terms | None = None
    factors: tuple[float, ...] = ()  # on each delta, for those that are stale; none: 1


@dataclass(frozen=True)
class Weights:
    """Result: weights in a blob."""

    ref: Ref


@dataclass(frozen=True)
class Summed:
    """Result: many updates as one, with what they count for together."""

    total: Counted


@dataclass(frozen=True)
class TrainLocally:
    """Work: learn from the base as the terms say, and protect what comes out."""

    number: int
    base: Ref
    terms: Terms
    data: Ref | None
    common: Ref | None
    kept: Ref | None  # what this client remembers from its last round
    spent: Ref | None = None  # the base of an earlier round
    forgotten: Ref | None = None  # what it remembered before that


@dataclass(frozen=True)
class Trained:
    """Result: an update that may leave, what stays, and what was done to lower the update's label."""

    update: Counted
    kept: Ref | None
    mechanism: str
    epsilon: float
    delta: float


@dataclass(frozen=True)
class StepBelow:
    """Work of an aggregator in between: its own next weights, and how far they are from where it started."""

    number: int
    start: Ref
    base: Ref
    total: Counted
    terms: Terms


@dataclass(frozen=True)
class SteppedBelow:
    """Result."""

    weights: Ref
    update: Counted


@dataclass(frozen=True)
class Reply:
    """One update that was counted."""

    client: NodeId
    update: Counted
    seconds: float
    loss: float | None


@dataclass(frozen=True)
class RoundOver:
    """A fact: the round ended, with a model (or a job's round with a sum) unless too few answered."""

    number: int
    model: Ref | None
    counted: tuple[NodeId, ...]
    why: str = ""
    job: int = 0
    total: Counted | None = None
    replies: tuple[Reply, ...] = ()
    owing: tuple[tuple[NodeId, int], ...] = ()  # who may still answer to which round

    @property
    def key(self) -> str:
        """Which job, for its own flows alone; a round that stands alone tells everybody."""
        return str(self.job) if self.job else ""


@dataclass(frozen=True)
class Late:
    """A fact: an update came when its round did not wait for it any more; it is not counted."""

    job: int
    number: int
    client: NodeId


@dataclass(frozen=True)
class Rejected:
    """A fact: an update was not taken, and why; the round goes on."""

    job: int
    number: int
    client: NodeId
    why: str


@dataclass(frozen=True)
class Abandon:
    """A fact: nobody wants this round any more."""

    job: int
    number: int

    key = property(_job)
