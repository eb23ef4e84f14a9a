"""Promised messages that a flow fails at: after some tries one is set aside with the reason, and its stream goes on.

It must not know why a flow fails. What is set aside stays on this disk, is listed, and is in the audit log.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..core.codec import Codec
from ..core.facts import Denied
from ..core.fleet import NodeId
from ..core.ports import Disk, Parcel, Put
from ..core.ref import Ref

QUARANTINE = "quarantine"  # table
TRIES = 3  # in one life of this node; between two the sender waits and sends again


@dataclass(frozen=True)
class Aside:
    """A row of the quarantine: the message as it came, and what became of it."""

    sender: NodeId
    incarnation: str
    seq: int
    body: bytes
    attach: tuple[Ref, ...]
    why: str


class Quarantine:
    """Counts failures, and keeps what failed too often."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._failed: dict[tuple[NodeId, str, int], list[str]] = {}
        self.rows: dict[str, Aside] = {}  # by key in their table

    def load(self, disk: Disk) -> None:
        """What former lives of this node have set aside."""
        self.rows = {row.key: self._codec.decode(row.data) for row in disk.scan(QUARANTINE)}

    def failed(self, sender: NodeId, parcel: Parcel, why: str) -> None:
        """One more try came to nothing."""
        self._failed.setdefault((sender, parcel.incarnation, parcel.seq), []).append(why)

    def take(self, sender: NodeId, parcel: Parcel) -> tuple[Put, Denied] | None:
        """What to commit in place of this message's effects, and to tell; None as long as it may be tried."""
        tried = self._failed.get((sender, parcel.incarnation, parcel.seq), [])
        if not parcel.seq or len(tried) < TRIES:
            return None
        del self._failed[sender, parcel.incarnation, parcel.seq]
        why = f"set aside after {TRIES} tries: {tried[-1]}"
        refs = tuple(ref for ref, _ in parcel.attached)
        made = Aside(sender, parcel.incarnation, parcel.seq, self._codec.encode(parcel.body), refs, why)
        key = f"{sender}/{parcel.incarnation}/{parcel.seq:012d}"
        self.rows[key] = made
        denied = Denied("apply", type(parcel.body).__name__, sender, why)
        return Put(QUARANTINE, key, self._codec.encode(made), replace=True), denied
