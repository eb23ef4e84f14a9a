"""How one node is at this moment, read in one go on its thread."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import Any

from ..core.fleet import NodeId
from ..core.ports import Meter
from ..flow.install.node import Install, Phase
from ..node.drive import Drive
from ..node.loaded import ACTIVE
from .admin_messages import LinkState, Status
from .agent_facts import Facts
from .wire.net import WireNet


class ErrorCount(logging.Handler):
    """Counts what was logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """One more."""
        self.count += 1


@dataclass
class Reporter:
    """Makes `Status` of what a node is made of."""

    drive: Drive
    net: WireNet
    meter: Meter
    facts: Facts
    port: int | None
    began_s: float = field(init=False)
    _errors: ErrorCount = field(default_factory=ErrorCount)

    def __post_init__(self) -> None:
        self.began_s = self.drive.world.clock.now_s()
        logging.getLogger().addHandler(self._errors)

    def status(self) -> Status:
        """A snapshot; nothing changes while it is taken, for the node has one thread."""
        drive, tools = self.drive, self.drive.tools
        node = tools.fleet.node(tools.me)
        install = drive.slots["Install/"].flow if "Install/" in drive.slots else None
        trying = install if isinstance(install, Install) else None
        above = [] if node.parent is None else [node.parent]
        return Status(
            node=node.id,
            zone=node.zone.name.lower(),
            pid=os.getpid(),
            uptime_s=drive.world.clock.now_s() - self.began_s,
            port=self.port,
            release=int(tools.loaded.get(ACTIVE, 0)),
            floor=0 if trying is None else trying.floor,
            trying=0 if trying is None or trying.phase is Phase.IDLE else trying.trying,
            links=tuple(self._link(peer) for peer in [*above, *(child.id for child in tools.fleet.children(node.id))]),
            waiting=drive.post.outbox.waiting,
            flows=tuple((slot.id, _phase(slot.flow)) for slot in drive.slots.values() if not slot.over),
            facts=self.facts.told,
            errors=self._errors.count,
            usage=self.meter.read(),
            aside=tuple((f"{one.sender} {one.seq}", one.why) for one in drive.quarantine.rows.values()),
        )

    def _link(self, peer: NodeId) -> LinkState:
        reading = self.net.link(peer)
        return LinkState(peer, reading.up, reading.bytes_s, reading.delay_s)


def _phase(flow: Any) -> str:
    return str(flow.phase.name)
