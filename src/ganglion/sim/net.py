"""Seeded links with rate, delay, jitter, loss, duplicates and partition; privacy is asserted on every parcel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from ..core.codec import Codec
from ..core.fleet import Fleet, NodeId
from ..core.gate import denial
from ..core.label import Zone
from ..core.ports import Parcel, Reading, Tell
from ..core.process import Failed, Lane
from .faults import NONE, Faults
from .heap import Heap

HEADER_BYTES = 96  # frame header, metadata, TLS record and TCP/IP of a small parcel, as measured live
NOTICE_S = 0.05  # from a cut or a crash to the neighbour's knowing it (a reset; silence takes a heartbeat)
RETURN_S = 0.2  # from a mend or a start to the link's being usable: dial, TLS
BULK_SHARE = 0.8  # of the rate; the bulk lane is paced


@dataclass
class Wires:
    """All links of the world and what has crossed them."""

    fleet: Fleet
    heap: Heap
    codec: Codec
    rng: np.random.Generator
    faults: Faults = NONE
    tap: Callable[[NodeId, NodeId, bytes], None] | None = None  # sees every parcel as bytes
    meddle: Callable[[NodeId, NodeId, Parcel], Parcel | None] | None = None  # a hostile link: changes or takes parcels
    deliver: dict[NodeId, Callable[[NodeId, Parcel], None]] = field(default_factory=dict)  # running nodes
    cut: set[NodeId] = field(default_factory=set)  # links by lower end
    bytes_up: dict[NodeId, int] = field(default_factory=dict)  # by lower end
    bytes_down: dict[NodeId, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    _free_s: dict[tuple[NodeId, bool, Lane], float] = field(default_factory=dict)
    _last_s: dict[tuple[NodeId, bool, Lane], float] = field(default_factory=dict)
    _epoch: dict[tuple[NodeId, bool], int] = field(default_factory=dict)  # of a link's way: earlier parcels are lost

    def lower(self, a: NodeId, b: NodeId) -> NodeId:
        """Names a link by its lower end. Raises LookupError for strangers."""
        if self.fleet.node(a).parent == b:
            return a
        if self.fleet.node(b).parent == a:
            return b
        raise LookupError(f"{a} and {b} are no neighbours")

    def is_up(self, a: NodeId, b: NodeId) -> bool:
        """Whether a parcel could cross now."""
        return self.lower(a, b) not in self.cut and a in self.deliver and b in self.deliver

    def broke(self, lower: NodeId, towards: NodeId | None = None) -> None:
        """Loses what is on a link, or on its way to one end of it."""
        for up in (True, False):
            if towards is None or up is not (towards == lower):
                self._epoch[lower, up] = self._epoch.get((lower, up), 0) + 1

    def send(self, sender: NodeId, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        """Puts a parcel on its way, or says at once that there is none."""
        lower = self.lower(sender, to)
        if not self.is_up(sender, to):
            tell(Failed(parcel.name, f"no link from {sender} to {to}"))
            return
        if self.meddle is not None:
            changed = self.meddle(sender, to, parcel)
            if changed is None:
                return
            parcel = changed
        up = sender == lower
        zone: Zone = self.fleet.zone(to)
        why = denial((parcel.body, tuple(ref for ref, _ in parcel.attached)), zone)
        if why:
            self.violations.append(f"{sender} -> {to}: {type(parcel.body).__name__}: {why}")
        body = self.codec.encode(parcel.body)
        size = HEADER_BYTES + len(body) + sum(array.nbytes for _, array in parcel.attached)
        counts = self.bytes_up if up else self.bytes_down
        counts[lower] = counts.get(lower, 0) + size
        if self.tap is not None:
            self.tap(sender, to, body + b"".join(array.tobytes() for _, array in parcel.attached))
        for _ in range(2 if self.rng.random() < self.faults.duplicate else 1):
            if self.rng.random() >= max(self.faults.loss, self.fleet.link(lower).loss):
                self._carry(sender, to, parcel, size, up)

    def _carry(self, sender: NodeId, to: NodeId, parcel: Parcel, size: int, up: bool) -> None:
        lower = self.lower(sender, to)
        link, now_s = self.fleet.link(lower), self.heap.now_s()
        rate = link.up_at(now_s) if up else link.down_bytes_s
        if parcel.lane is Lane.BULK:
            rate *= BULK_SHARE
        queue = (lower, up, parcel.lane)
        start_s = max(now_s, self._free_s.get(queue, 0.0))
        self._free_s[queue] = start_s + size / rate
        arrive_s = self._free_s[queue] + link.delay_s + float(self.rng.exponential(link.jitter_s or 1e-12))
        arrive_s = self._last_s[queue] = max(arrive_s, self._last_s.get(queue, 0.0))  # a connection keeps order
        if self.rng.random() < self.faults.reorder:
            arrive_s += float(self.rng.random()) * self.faults.reorder_s
        epoch, due_s = self._epoch.get((lower, up), 0), None if parcel.left_s is None else now_s + parcel.left_s

        def arrive() -> None:
            late = due_s is not None and self.heap.now_s() > due_s
            if epoch == self._epoch.get((lower, up), 0) and to in self.deliver and not late:
                left_s = None if due_s is None else due_s - self.heap.now_s()
                self.deliver[to](sender, replace(parcel, left_s=left_s))

        self.heap.push(arrive_s, arrive)


class SimNet:
    """One node's view of the wires."""

    def __init__(self, me: NodeId, wires: Wires) -> None:
        self._me = me
        self._wires = wires

    def send(self, to: NodeId, parcel: Parcel, tell: Tell) -> None:
        """Puts a parcel on its way."""
        self._wires.send(self._me, to, parcel, tell)

    def cancel(self, to: NodeId, name: str) -> None:
        """Nothing to take back: a parcel on a wire is gone."""

    def link(self, to: NodeId) -> Reading:
        """The declared link, for that is what transfers would show."""
        lower = self._wires.lower(self._me, to)
        link = self._wires.fleet.link(lower)
        rate = link.up_at(self._wires.heap.now_s()) if lower == self._me else link.down_bytes_s
        return Reading(self._wires.is_up(self._me, to), rate, link.delay_s)
