"""What places of a split model say to their neighbours; tensors, graphs and weights travel attached, in order.

Those of every request are structs, which are made and read in a fraction of the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from ...core.codec import Codec


class Work(msgspec.Struct, frozen=True, gc=False):
    """Upwards: some tensors of a request; a packed one is bytes that `pack.unpack` reads."""

    cut: str
    request: int
    names: tuple[str, ...]
    packed: tuple[bool, ...]


class Results(msgspec.Struct, frozen=True, gc=False):
    """Downwards: some of the model's results."""

    request: int
    names: tuple[str, ...]
    packed: tuple[bool, ...]
    spent_s: float  # at the place that sends this and all beyond, since the request's first tensor came
    computed_s: float  # of that, in parts of the model


@dataclass(frozen=True)
class Lost:
    """Downwards: a request that no result will come of."""

    request: int
    why: str
    unopened: bool = False  # a place has no cut of that name, as after a restart


@dataclass(frozen=True)
class PartForm:
    """One part of the model without its graph, which is attached."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """What one place does in a cut: its parts one after the other, what comes from below and what goes up."""

    parts: tuple[PartForm, ...]
    expects: tuple[str, ...]
    sends: tuple[str, ...]
    results: tuple[str, ...]  # of the model, that its parts make
    awaits: tuple[str, ...]  # results that places beyond it make, which it passes down
    codec: str  # of what it sends up


@dataclass(frozen=True)
class Open:
    """Upwards: make ready for a cut; the first share is the receiver's, the others are for the places beyond it."""

    cut: str
    shares: tuple[Share, ...]


@dataclass(frozen=True)
class Opened:
    """Downwards: the sender and all beyond it are ready for a cut."""

    cut: str
    fetched_bytes: int  # of weights that were not there


@dataclass(frozen=True)
class Unopened:
    """Downwards: a cut cannot be run."""

    cut: str
    why: str


@dataclass(frozen=True)
class Forget:
    """Upwards: no request will be sent for a cut any more."""

    cut: str


@dataclass(frozen=True)
class Pull:
    """Downwards: a place lacks a weight; whoever holds it answers."""

    place: int  # who asks
    digest: str
    start: int


@dataclass(frozen=True)
class Piece:
    """Upwards: part of a weight's bytes; one without a type says that nobody holds it."""

    place: int
    digest: str
    dtype: str
    shape: tuple[int, ...]
    start: int


class Probe(msgspec.Struct, frozen=True, gc=False):
    """Upwards: answer at once. What is attached is only there to take time."""

    number: int


class Probed(msgspec.Struct, frozen=True, gc=False):
    """Downwards: the answer."""

    number: int


HOT = (Work, Results, Probe, Probed)  # what takes the tensor lane
Body = Work | Results | Lost | Open | Opened | Unopened | Forget | Pull | Piece | Probe | Probed
CODEC = Codec([Work, Results, Lost, Open, Opened, Unopened, Forget, Pull, Piece, Probe, Probed])
