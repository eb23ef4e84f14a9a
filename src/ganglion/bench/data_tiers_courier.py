"""The fleet that data walk over, and a flow that carries whatever it is told to carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.gate import labels_in
from ..core.label import Tier, Zone
from ..core.process import Began, Command, Event, Failed, Heard, Send, Tell, Told
from ..core.ref import Ref
from ..core.sample import Answer
from ..core.update import Statistic
from ..node.runs import Runs

LINK = Link("fast", 1e8, 1e8, 0.001)
CLOUD = NodeId("cloud")
SITES = {NodeId("a"): (NodeId("a1"), NodeId("a2")), NodeId("b"): (NodeId("b1"),)}
Table = Mapping[Tier, Sequence[Zone]]


@dataclass(frozen=True)
class Cargo:
    """A message that may carry anything a message may."""

    refs: tuple[Ref, ...]
    answers: tuple[Answer, ...] = ()
    counts: tuple[Statistic, ...] = ()


@dataclass(frozen=True)
class Errand:
    """A fact for the courier: send this."""

    send: Send


@dataclass(frozen=True)
class Taken:
    """A fact: these came."""

    refs: tuple[Ref, ...]


class Phase(IntEnum):
    """It runs errands as long as its node lives."""

    WAITING = 1
    OVER = 2


@dataclass
class Courier:
    """Hot: sends what it is told to send, and tells what it hears."""

    phase: Phase = Phase.WAITING
    durable: ClassVar[bool] = False

    @property
    def key(self) -> str:
        """There is one per node."""
        return ""

    def on(self, event: Event, now_s: float) -> Sequence[Command]:
        """Decide."""
        match event:
            case Told(Errand(send)):
                return [send]
            case Heard(_, Cargo(refs)):
                return [Tell(Taken(refs))]
            case Began() | Failed():
                return []
        return []


COURIER = Runs(Courier, {}, hears=(Cargo,), told=(Errand,), standing=lambda tools: Courier())


def fleet() -> Fleet:
    """Two sites, three devices."""
    nodes = [Node(CLOUD, Zone.CLOUD), *(Node(site, Zone.EDGE, CLOUD) for site in SITES)]
    nodes += [Node(device, Zone.DEVICE, site) for site, devices in SITES.items() for device in devices]
    return Fleet(tuple(nodes), tuple((node.id, LINK) for node in nodes if node.parent is not None))


def permits(table: Table, body: Any, zone: Zone) -> bool:
    """What a gate over this table says."""
    return all(zone <= table[label.tier][label.form] for label, _ in labels_in(body))
