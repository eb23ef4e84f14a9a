"""Facts that more than one flow, or whoever watches a node, hears."""

from __future__ import annotations

from dataclasses import dataclass

from .fleet import NodeId
from .ref import Ref
from .sample import Answer, Sample


@dataclass(frozen=True)
class Restarted:
    """This node has come back from its disk."""


@dataclass(frozen=True)
class Denied:
    """A gate said no; it goes to the audit log."""

    gate: str  # "read", "send", "arrival", "query"; "apply": a flow failed at it
    what: str
    peer: NodeId
    why: str


@dataclass(frozen=True)
class Arrived:
    """A sample came in at a device and wants an answer by a plan ("" = the default)."""

    sample: Sample
    plan: str = ""
    deadline_s: float = 1.0


@dataclass(frozen=True)
class Answered:
    """A device has its answer."""

    answer: Answer
    took_s: float
    first_confidence: float  # of the nearest exit, whichever exit answered; -1 where none ran here
    x: Ref  # still held
    plan: str = ""
    distance: float = -1.0  # of its features from what the release was made on; -1 where none were seen


@dataclass(frozen=True)
class Seen:
    """A sample of the site reached its edge, whoever answers it."""

    sample: str
    x: Ref  # raw, still held


@dataclass(frozen=True)
class Hard:
    """A sample is worth keeping farther away: nobody near was sure."""

    sample: str
    x: Ref


@dataclass(frozen=True)
class Drifted:
    """The world of a site has changed."""

    site: str
    by: NodeId  # who noticed
    after: int  # samples that this node had seen since it began to watch


@dataclass(frozen=True)
class Fetched:
    """A blob is here now."""

    ref: Ref


@dataclass(frozen=True)
class Pushed:
    """A blob is at the parent now."""

    ref: Ref


@dataclass(frozen=True)
class Activated:
    """This node answers with another release now."""

    counter: int
    before: int


@dataclass(frozen=True)
class Missed:
    """A neighbour gave up what it had promised, and said so: these numbers of its stream will never come."""

    sender: NodeId
    first: int
    last: int
    items: int  # samples, or whatever else they held
    size_bytes: int
    why: str


@dataclass(frozen=True)
class Audited:
    """An act that the audit log keeps: a declassification, a consent, a denial."""

    act: str
    what: str
    why: str
    epsilon: float = 0.0  # 0: the mechanism has none
    delta: float = 0.0
