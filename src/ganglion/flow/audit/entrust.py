"""Copies of a node's audited acts go up to the cloud's log, so that no log says less when its own node is gone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar

from ...core.facts import Audited, Denied, Missed
from ...core.fleet import NodeId
from ...core.process import Began, Command, Event, Heard, Ignored, Send, Tell, Told, Wake, Woke
from .messages import Entrusted
from .node import act_of

SOON_S = 10.0  # acts of so long go up together
ACTS = 32  # more of them are only counted: who is denied again and again must not fill the disks above


class Phase(IntEnum):
    """It hands up as long as its node lives."""

    HANDING = 1
    OVER = 2


@dataclass
class Entrust:
    """Durable, and what it sends must arrive. An edge hands on what devices say; the cloud (no parent) keeps it."""

    me: NodeId
    parent: NodeId | None
    phase: Phase = Phase.HANDING
    acts: tuple[Audited, ...] = ()
    more: int = 0
    durable: ClassVar[bool] = True

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Told(Audited() | Denied() | Missed() as body):
                return [] if self.parent is None else self._collect(act_of(body), now_s)
            case Woke("hand up") if self.parent is not None:
                told, self.acts, self.more = Entrusted(self.me, self.acts, self.more), (), 0
                return [Send(self.parent, told)]
            case Heard(_, Entrusted() as told):
                return _kept(told) if self.parent is None else [Send(self.parent, told)]
            case Began():
                return []
        return [Tell(Ignored("Entrust", "", type(event).__name__, self.phase.name))]

    def _collect(self, act: Audited, now_s: float) -> Sequence[Command]:
        waits = bool(self.acts)
        if len(self.acts) < ACTS:
            self.acts = (*self.acts, act)
        else:
            self.more += 1
        return [] if waits else [Wake("hand up", now_s + SOON_S)]


def _kept(told: Entrusted) -> list[Command]:
    """As acts of the cloud's own log; under another name, so that no budget counts them twice."""
    copies = [Audited(f"{told.node}: {act.act}", act.what, act.why) for act in told.acts]
    if told.more:
        copies.append(Audited(f"{told.node}: more", f"{told.more} acts", "they stand in its own log"))
    return [Tell(copy) for copy in copies]
