"""What a node asks of its world. A port never blocks and is never awaited.

The world answers by `tell(event)`, once, on the node's one thread, perhaps before the call returns. Deadlines cross
machines as seconds left, never as times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.random import Generator
from numpy.typing import NDArray

from .compute import Compute
from .fleet import NodeId
from .label import Label
from .process import Event, Lane
from .ref import Ref

Tell = Callable[[Event], None]


@dataclass(slots=True)
class Parcel:
    """A message on its way; nobody changes one. `seq` > 0: kept by the sender until the receiver has committed it.

    Not frozen, which would treble what making one takes: four are made for each request of a split model.
    """

    flow: str  # which kind of flow it is for
    key: str  # which one of its kind
    body: Any
    lane: Lane
    left_s: float | None = None
    incarnation: str = ""  # of the sender's disk; a re-imaged node is a new sender
    seq: int = 0  # place in the stream from sender to receiver, from 1
    name: str = ""  # what the sender calls it, for Failed and cancel
    attached: tuple[tuple[Ref, NDArray[Any]], ...] = ()  # held tensors as they are, blobs as uint8 [bytes]


@dataclass(frozen=True)
class Reading:
    """A link as seen in real transfers; None where nothing was transferred yet."""

    up: bool
    bytes_s: float | None = None
    delay_s: float | None = None


@dataclass(frozen=True)
class Row:
    """One row of a node's database; ids grow within a table."""

    id: int
    key: str
    data: bytes


@dataclass(frozen=True)
class Put:
    """Append a row to a table, or replace the one with that key where `replace` is set."""

    table: str
    key: str
    data: bytes
    replace: bool = False


@dataclass(frozen=True)
class Drop:
    """Remove rows of a table by key."""

    table: str
    key: str


Change = Put | Drop


@dataclass(frozen=True)
class Usage:
    """What a node has used so far, and how the energy is known."""

    cpu_s: float
    rss_bytes: int
    energy_j: float
    energy_source: str  # "declared", "rapl"


class Clock(Protocol):
    """Monotonic time; wall time is a claim, not a reason."""

    def now_s(self) -> float: ...
    def wake(self, at_s: float, tell: Callable[[], None]) -> None: ...


class Rng(Protocol):
    """Random numbers by name: same key, same numbers, whoever asks first."""

    def stream(self, *key: str | int) -> Generator: ...
    def secret(self, size_bytes: int) -> bytes: ...  # keys and privacy noise; seeded in sim/ alone


class Net(Protocol):
    """Parcels to neighbours: at most once, in order per lane while a connection lives, lost when it breaks."""

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None: ...  # tell: Failed(parcel.name, …) when known
    def cancel(self, to: NodeId, name: str) -> None: ...
    def link(self, to: NodeId) -> Reading: ...


class Disk(Protocol):
    """Rows that last, and blobs by digest."""

    def commit(self, changes: Sequence[Change], tell: Callable[[], None]) -> None: ...  # all or nothing; in order
    def scan(self, table: str, after: int = 0) -> Iterator[Row]: ...
    def put(self, chunks: Iterable[bytes | memoryview], label: Label) -> Ref: ...  # sealed above `public`
    def get(self, ref: Ref, start: int = 0, size: int | None = None) -> bytes: ...
    def has(self, ref: Ref) -> bool: ...
    def label(self, ref: Ref) -> Label: ...  # under which it is kept here, whatever the reference says
    def patch(self, ref: Ref, start: int, data: bytes | memoryview) -> int: ...  # adds to a blob; bytes held so far
    def drop(self, ref: Ref) -> None: ...


class Engine(Protocol):
    """Plain arithmetic; the worlds add where it runs and when it is done."""

    answers: frozenset[type[Compute[Any]]]

    def answer(self, asked: Compute[Any]) -> Any: ...


class Workers(Protocol):
    """Carries out work away from the node's thread. Done(name, result) or Failed(name, …) comes back."""

    def submit(self, name: str, work: Any, where: str, tell: Tell) -> None: ...
    def cancel(self, name: str) -> None: ...


class Vault(Protocol):
    """Keeps keys where they are used: none is ever in an event, a journal or a log."""

    def sign(self, message: bytes) -> bytes: ...
    def verify(self, message: bytes, signature: bytes) -> bool: ...
    def seal(self, plain: bytes, label: Label) -> bytes: ...
    def open(self, sealed: bytes, label: Label) -> bytes: ...


class Meter(Protocol):
    """What this node has used."""

    def read(self) -> Usage: ...
