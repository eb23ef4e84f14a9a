"""What is said over a node's socket file: requests, answers, and how they are framed.

Frames are a size (u32, little-endian) and a codec body.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from ..core.codec import Codec
from ..core.errors import ProtocolError
from ..core.label import Tier
from ..core.ports import Usage
from ..core.sample import Answer
from ..flow.fetch.client import Fetch, Give
from ..node.bodies import all_bodies
from .rollout_messages import AskRollouts, CreateRollout, RolloutRow, Rollouts, Steered, SteerRollout

SIZE = struct.Struct("<I")
FRAME_BYTES = 32 << 20
DTYPES = {"uint8": np.uint8, "float32": np.float32}  # of a sample


@dataclass(frozen=True)
class TellFact:
    """A fact from the operator; `body` in codec bytes."""

    body: bytes


@dataclass(frozen=True)
class BeginFlow:
    """A process from the operator; `flow` in codec bytes, with the number 0 where it shall take the next one."""

    flow: bytes


@dataclass(frozen=True)
class Begun:
    """It runs, under this key."""

    key: str


@dataclass(frozen=True)
class AskStatus:
    """How are you?"""


@dataclass(frozen=True)
class AskSnapshot:
    """How are you, what have you, and what is going on with it?"""


@dataclass(frozen=True)
class Infer:
    """Answer this as if the sensor had read it; `data` are the little-endian bytes of an array."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes
    tier: Tier
    plan: str
    timeout_s: float


@dataclass(frozen=True)
class Watch:
    """From now on send me every fact with a greater number; -1: only what is yet to come."""

    after: int


@dataclass(frozen=True)
class AskModels:
    """Which releases are there?"""


@dataclass(frozen=True)
class NameModel:
    """Let an alias stand for this release from now on, as `ExplainModel` knows it; "": for none any more."""

    alias: str
    which: str


@dataclass(frozen=True)
class ExplainModel:
    """Where does this release come from? By its counter, an alias or the beginning of a digest."""

    which: str


@dataclass(frozen=True)
class ModelRow:
    """One release in the store."""

    counter: int
    aliases: tuple[str, ...]
    parent: int
    trigger: str
    manifest: str  # digest
    size_bytes: int  # of what a node needs to serve it
    evaluation: tuple[tuple[str, float], ...]
    active: bool  # this node answers with it
    whole: bool  # every blob of it is here


@dataclass(frozen=True)
class Models:
    """What is in the store, newest first, and how its disk is used."""

    rows: tuple[ModelRow, ...]
    disk: tuple[tuple[str, int], ...]  # class of data, bytes


@dataclass(frozen=True)
class Lineage:
    """What a release was made of, why, and who let it."""

    model: ModelRow
    tier: int  # of its weights
    ancestors: tuple[int, ...]  # parents, nearest first
    data: tuple[tuple[str, str], ...]  # what it was learnt from: a name and a digest
    approvers: tuple[str, ...]  # from the audit log; "policy" where nobody was asked
    steps: tuple[str, ...]  # what became of it, as far as the journal says


@dataclass(frozen=True)
class Fine:
    """It was done."""


@dataclass(frozen=True)
class Wrong:
    """It could not be done; `kind` is an error of core.errors."""

    kind: str
    reason: str


@dataclass(frozen=True)
class LinkState:
    """A link as this node sees it; None where nothing was transferred yet."""

    peer: str
    up: bool
    bytes_s: float | None
    delay_s: float | None


@dataclass(frozen=True)
class Status:
    """One node at one moment."""

    node: str
    zone: str
    pid: int
    uptime_s: float
    port: int | None  # where it listens
    release: int  # that it answers with; 0 = none
    floor: int  # no release below may come any more
    trying: int  # on trial or probation here; 0 = none
    links: tuple[LinkState, ...]
    waiting: int  # parcels promised and not acknowledged
    flows: tuple[tuple[str, str], ...]  # id and phase of every flow that is not over
    facts: int  # told since this process began
    errors: int  # logged since this process began
    usage: Usage
    aside: tuple[tuple[str, str], ...] = ()  # promised messages that were set aside: sender and number, and why


@dataclass(frozen=True)
class Snapshot:
    """Everything that is known at a node at one moment: nothing of it changed while it was taken."""

    status: Status
    models: Models
    rollouts: Rollouts
    spent: tuple[tuple[str, float], ...]  # what was declassified and its epsilon, as the audit log has it


@dataclass(frozen=True)
class Answered:
    """What the sample got."""

    answer: Answer
    took_s: float


@dataclass(frozen=True)
class Observed:
    """A fact: its number since the process began, when it was told (monotonic seconds), and codec bytes."""

    number: int
    at_s: float
    body: bytes


_REQUESTS = (TellFact, BeginFlow, AskStatus, AskSnapshot, Infer, Watch, AskModels, NameModel, ExplainModel)
_ROLLOUTS = (CreateRollout, SteerRollout, AskRollouts, Steered, RolloutRow, Rollouts)
OWN = (*_REQUESTS, *_ROLLOUTS, Begun, Fine, Wrong, Status, Answered, Observed, Models, Lineage, Snapshot)


def admin_codec() -> Codec:
    """What may be said here: requests, answers, every fact, durable processes and transfers."""
    return Codec([*all_bodies(), Fetch, Give, *OWN])


def framed(raw: bytes) -> bytes:
    """A body as it goes over the socket."""
    return SIZE.pack(len(raw)) + raw


def frame_bytes(head: bytes) -> int:
    """How many bytes follow. Raises ProtocolError for more than a frame may have."""
    size: int = SIZE.unpack(head)[0]
    if size > FRAME_BYTES:
        raise ProtocolError(f"an admin frame of {size} bytes; the limit is {FRAME_BYTES}")
    return size
