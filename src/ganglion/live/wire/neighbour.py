"""One neighbour as the wire sees it: its connections, what waits for it, and what its link has shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ...core.fleet import NodeId
from ...core.ports import Parcel, Tell
from ...core.process import Lane
from .connection import Connection
from .frame import Bytes, Kind
from .measure import Measured
from .outgoing import Outgoing
from .pace import Bucket


@dataclass(frozen=True)
class Ears:
    """Who hears what the wire hears; all are called on the loop's thread."""

    hear: Callable[[NodeId, Parcel], None]
    linked: Callable[[NodeId, bool], None]
    tap: Callable[[NodeId, Bytes], None] | None = None  # sees every frame and body just before it is encrypted


class Bulk(Protocol):
    """The bulk lane to one neighbour: the dialling side asks over HTTP, the other answers."""

    def send(self, parcel: Parcel, tell: Tell) -> None: ...
    def cancel(self, name: str) -> None: ...
    def broken(self, why: str) -> None: ...


@dataclass
class Neighbour:
    """State of one link; it outlives its connections."""

    id: NodeId
    hosts: bool  # it listens and this node dials
    out: tuple[Outgoing, Outgoing]  # by lane: control, tensor
    pace: Bucket
    bulk: Bulk
    measured: Measured = field(default_factory=Measured)
    open: list[Connection | None] = field(default_factory=lambda: [None, None])  # by lane

    @property
    def up(self) -> bool:
        """Whether the control connection stands."""
        return self.open[0] is not None

    def tell_open(self, lane: Lane) -> None:
        """Asks the dialling side to open a lane, or to fetch what waits on the bulk lane."""
        self.say(Kind.OPEN, lane, 0)

    def say(self, kind: Kind, lane: Lane, id: int, seconds: float | None = None) -> None:
        """A frame that is no parcel, on the control connection if it stands."""
        if (control := self.open[0]) is not None:
            control.say(kind, lane, id, seconds)
