"""What a place runs: one row per flow, saying what it hears, what starts it, and where its work is carried out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ..core.fleet import NodeId
from ..core.process import Flow
from .tools import Tools


class Where(Enum):
    """Where work runs: below 1 ms on the node's thread, longer on a thread, torch and long sums in a worker."""

    INLINE = "inline"
    THREAD = "thread"
    WORKER = "worker"


@dataclass(frozen=True)
class Row:
    """Who carries out one kind of work, and where. The result is a body that the node's codec knows, or None."""

    call: Callable[[Any, Tools], Any]
    where: Where


Work = Mapping[type, Row]


@dataclass(frozen=True)
class Runs:
    """One flow of a place."""

    flow: type[Flow]
    work: Work  # must cover the flow's work types exactly
    hears: tuple[type, ...] = ()  # messages from neighbours
    told: tuple[type, ...] = ()  # facts of this node
    linked: bool = False  # wants to know when links come and go
    standing: Callable[[Tools], Flow | None] | None = None  # begun at every start, where there is none yet
    spawned: Callable[[Tools, NodeId, Any], Flow] | None = None  # begun by a message for a key that is not there


def key_of(body: Any) -> str:
    """Which of its kind a message is for: its `key` if it has one, else the only one."""
    return str(getattr(body, "key", ""))


def spare_in(body: Any) -> int:
    """How many items a full outbox may give up with a message; 0: it must be kept."""
    return int(getattr(body, "spare", 0))
