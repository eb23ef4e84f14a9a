"""The closed vocabulary of processes: six kinds of event in, six kinds of command out.

A flow is `on(event, now_s) -> commands`. It holds no socket, thread, clock or tensor. What differs between flows are
the bodies: messages, work and facts, which are dataclasses in the flow's own `messages.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, Protocol

from .fleet import NodeId
from .ref import Ref


class Lane(IntEnum):
    """Which connection a message takes; lanes never queue behind each other."""

    CONTROL = 0  # small, ordered
    TENSOR = 1  # deadline, cancel, credit
    BULK = 2  # chunks of blobs, paced


@dataclass(frozen=True)
class Began:
    """The flow was started; comes first and once."""


@dataclass(frozen=True)
class Heard:
    """A message from a flow of the same kind on another node."""

    sender: NodeId
    body: Any


@dataclass(frozen=True)
class Woke:
    """A time that was asked for has come."""

    name: str


@dataclass(frozen=True)
class Done:
    """Work that was asked for is finished."""

    name: str
    result: Any = None


@dataclass(frozen=True)
class Failed:
    """Work or a message that was asked for could not be done."""

    name: str
    reason: str
    refused: bool = False  # a policy said no; trying again will not help


@dataclass(frozen=True)
class Told:
    """A fact, told by another flow of this node or by its operator."""

    body: Any


@dataclass(frozen=True)
class Linked:
    """The link to a neighbour came up or went down."""

    peer: NodeId
    up: bool


Event = Began | Heard | Woke | Done | Failed | Told | Linked


@dataclass(frozen=True)
class Send:
    """A message to the same kind of flow on a neighbour."""

    to: NodeId
    body: Any
    lane: Lane = Lane.CONTROL
    left_s: float | None = None  # after so many seconds nobody wants it any more
    attach: tuple[Ref, ...] = ()  # bytes that travel with it; other refs travel as names
    name: str = ""  # set: the flow hears Failed(name, …) when it is known to be undeliverable


@dataclass(frozen=True)
class Wake:
    """Tell me at that time; the same name asked again replaces the earlier."""

    name: str
    at_s: float


@dataclass(frozen=True)
class Do:
    """Work for whoever the flow's table in `node/work.py` names."""

    name: str
    work: Any


@dataclass(frozen=True)
class Cancel:
    """Work or a wake that is no longer wanted."""

    name: str


@dataclass(frozen=True)
class Start:
    """Begin another flow on this node, unless one of that kind and key is there."""

    flow: Any


@dataclass(frozen=True)
class Tell:
    """A fact for the other flows of this node and for whoever watches it."""

    body: Any


Command = Send | Wake | Do | Cancel | Start | Tell


class Flow(Protocol):
    """A process. A durable one is a dataclass of plain fields, for its journal ends in a snapshot of it."""

    durable: ClassVar[bool]

    @property
    def key(self) -> str:
        """Which of its kind it is on this node; "" where there is only one."""
        ...

    @property
    def phase(self) -> IntEnum:
        """Where it stands; a member named OVER ends it."""
        ...

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        ...


@dataclass(frozen=True)
class Ignored:
    """A fact: an event came late, twice or unknown, and nothing changed."""

    flow: str
    key: str
    event: str
    phase: str
