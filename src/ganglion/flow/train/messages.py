"""The work that a federated job asks for, and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.fleet import NodeId
from ...core.history import Record
from ...core.ref import Ref
from ...core.update import Counted
from ..round.messages import Terms


@dataclass(frozen=True)
class Until:
    """When a job ends: whichever comes first."""

    rounds: int = 100
    accuracy: float = 1.1  # above 1: no target
    failures: int = 12  # rounds or pieces of work in a row that came to nothing


@dataclass(frozen=True)
class Choice:
    """How a job chooses who takes part."""

    name: str = "Uniform"  # a class of learn/select
    count: int = 10
    values: tuple[tuple[str, float], ...] = ()  # its own parameters


@dataclass(frozen=True)
class Begin:
    """Work: weights to begin with: these, or fresh ones."""

    terms: Terms
    weights: Ref | None


@dataclass(frozen=True)
class Choose:
    """Work: who is asked next; and a copy of the weights for them, which goes when all of them have it."""

    number: int
    terms: Terms
    choice: Choice
    candidates: tuple[NodeId, ...]
    seen: tuple[tuple[NodeId, Record], ...]
    weights: Ref


@dataclass(frozen=True)
class Chosen:
    """Result."""

    clients: tuple[NodeId, ...]
    copy: Ref | None = None  # none where the weights are too large to travel with a message


@dataclass(frozen=True)
class State:
    """Where a job's server stands: its weights, what its step remembers, what it keeps for everybody."""

    weights: Ref
    step: Ref | None = None
    common: Ref | None = None


@dataclass(frozen=True)
class Step:
    """Work: the next weights from a round's sum. What earlier steps have left behind and is in `spent` goes."""

    number: int  # of steps before it
    terms: Terms
    state: State
    total: Counted
    clients: int  # in the job, asked or not
    spent: tuple[Ref, ...]


@dataclass(frozen=True)
class Tidy:
    """Work, while a round's clients learn: what earlier rounds have left behind goes, unless the state still has it."""

    state: State
    spent: tuple[Ref, ...]


@dataclass(frozen=True)
class Evaluate:
    """Work: judge weights by the cloud's public examples of a part."""

    weights: Ref
    part: str


@dataclass(frozen=True)
class Evaluated:
    """Result."""

    accuracy: float
    loss: float
    examples: int


@dataclass(frozen=True)
class Order:
    """A fact from a person: what becomes of a job."""

    job: int
    act: str  # "pause", "resume", "stop"
    by: str

    @property
    def key(self) -> str:
        """Which job."""
        return str(self.job)


@dataclass(frozen=True)
class Progress:
    """A fact: a job's weights have moved on."""

    job: int
    number: int  # steps so far
    accuracy: float  # -1: it was not judged
    loss: float
    up_bytes: int  # of the updates that were counted
    down_bytes: int  # of what was handed out to learn from
    seconds: float  # since the step before
    counted: tuple[NodeId, ...]
    weights: Ref


@dataclass(frozen=True)
class Setback:
    """A fact: a round or a piece of work came to nothing, and is tried again."""

    job: int
    number: int
    why: str


@dataclass(frozen=True)
class TrainOver:
    """A fact: a job ended; its weights are the last that it had."""

    job: int
    number: int  # steps in all
    accuracy: float
    weights: Ref | None
    why: str  # "rounds", "target", "stopped by …", or what went wrong
