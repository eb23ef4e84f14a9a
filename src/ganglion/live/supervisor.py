"""World 2 on one machine: every node a process, every link shaped as declared; offered as the simulator offers it.

It knows nodes by what they tell; what it does to them, an operator or the weather could do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core.errors import Unreachable
from ..core.fleet import Fleet, NodeId
from ..core.ports import Usage
from ..core.ref import Ref
from .admin_messages import Status, admin_codec
from .agent_file import STATE
from .disk import LiveBlobs
from .fleet_folder import Outfit, Setup, read_fleet_file
from .identity.vault import LocalVault
from .logs import tail
from .machine import Machine, end_all

LINK_S = 60.0  # for all links to come up
LOOK_S = 0.1  # how often to look whether the links are up, or their process gone
TAIL_LINES = 20


@dataclass(eq=False)
class LiveFleet:
    """A fleet as processes, up while the `with` block lasts.

    A folder that was used before is gone on with: identities, disks and journals are taken up.
    """

    setup: Setup | None  # None: it runs already
    folder: Path
    seed: int
    shaped: bool = True  # False: links are as fast as this machine, and can still be cut
    log_format: str = "text"
    progress: Callable[[str], None] = lambda step: None  # told what is being done
    tap: bool = False  # every node keeps its plaintext frames in its `tap.bin`, for tests of privacy
    facts: list[tuple[float, NodeId, Any]] = field(default_factory=list)
    _news: threading.Condition = field(default_factory=threading.Condition)
    _failed: dict[NodeId, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.fleet: Fleet = read_fleet_file(self.folder).fleet if self.setup is None else self.setup.fleet
        self._machine = Machine(self.folder, self.fleet, admin_codec(), self._hear, self._lost)

    def __enter__(self) -> LiveFleet:
        try:
            if self.setup is not None:
                outfit = Outfit(self.folder, self.seed, self.log_format, self.tap)
                self._machine.build(self.setup, outfit, self.shaped, self.progress)
                self._await_links()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @staticmethod
    def attach(folder: Path) -> LiveFleet:
        """A fleet that an earlier command detached; neither `close` nor leaving a `with` block ends it.

        Raises NotFound where none runs.
        """
        fleet = LiveFleet(None, folder, 0)
        try:
            fleet._machine.attach()
        except BaseException:
            fleet.close()
            raise
        return fleet

    @staticmethod
    def down(folder: Path) -> int:
        """Ends a detached fleet; how many processes that took. Raises NotFound where there is none."""
        return end_all(folder.resolve())

    def detach(self) -> None:
        """Leaves everything running, now and when the block ends."""
        self._machine.detach()

    def close(self) -> None:
        """Ends every process unless detached; logs and disks stay."""
        self._machine.close()

    def now_s(self) -> float:
        """Seconds since the fleet began."""
        return time.monotonic() - self._machine.began_s

    def start(self, id: NodeId, cold: bool = False) -> None:
        """Starts a node's process and waits until it answers. Raises Unreachable with its log when it does not.

        `cold`: as after a reboot; else it is forked from a process that has imported what a node needs.
        """
        with self._news:
            self._failed.pop(id, None)
        self._machine.start(id, cold)

    def kill(self, id: NodeId) -> None:
        """kill -9."""
        self._machine.kill(id)

    def cut(self, lower: NodeId, reset: bool = True) -> None:
        """Breaks the link above a node: connections are reset, and refused until it is mended, or all is silence."""
        self._machine.links.cut(lower, reset)

    def mend(self, lower: NodeId) -> None:
        """Repairs it."""
        self._machine.links.mend(lower)

    def tell(self, id: NodeId, body: Any) -> None:
        """A fact from the node's operator or sensor."""
        with self._machine.client(id) as client:
            client.tell(body)

    def begin(self, id: NodeId, flow: Any) -> str:
        """The node's operator starts a process; the key that it runs under."""
        with self._machine.client(id) as client:
            return client.begin(flow)

    def wait(self, wanted: Callable[[NodeId, Any], bool], timeout_s: float, since: int = 0) -> Any:
        """Waits until a fact is told that is wanted; facts before number `since` do not count.

        Raises Unreachable when it takes longer, or when a node that should run has ended.
        """
        until_s, seen = time.monotonic() + timeout_s, since
        while True:
            while seen < len(self.facts):
                _, node, body = self.facts[seen]
                seen += 1
                if wanted(node, body):
                    return body
            left_s = until_s - time.monotonic()
            if left_s <= 0.0:
                raise Unreachable(f"what was waited for did not happen within {timeout_s:g} s")
            self._listen(seen, left_s)

    def rest(self, seconds: float) -> None:
        """Lets time pass. Raises Unreachable when a node that should run has ended."""
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0.0:
            self._listen(len(self.facts), left_s)

    def status(self, id: NodeId) -> Status:
        """How a node is now."""
        with self._machine.client(id) as client:
            return client.status()

    def usage(self, id: NodeId) -> Usage:
        """What a node has used; joules of its radio are computed from what its links have carried."""
        usage, node = self.status(id).usage, self.fleet.node(id)
        if usage.energy_source != "declared" or not node.power.radio_j_byte:
            return usage
        own = [id] if node.parent is not None else []
        moved = sum(sum(self.bytes(lower)) for lower in [*own, *(child.id for child in self.fleet.children(id))])
        return replace(usage, energy_j=usage.energy_j + node.power.radio_j_byte * moved)

    def bytes(self, lower: NodeId) -> tuple[int, int]:
        """What has crossed the link above a node so far, TLS and headers included: up, down."""
        return self._machine.links.bytes(lower)

    def blob(self, id: NodeId, ref: Ref) -> bytes:  # type: ignore[valid-type]  # `bytes` is a method above
        """What a node's disk holds, for whoever watches. Raises NotFound."""
        folder = self.folder / self.fleet.node(id).id
        return LiveBlobs(folder / STATE, LocalVault(folder)).get(ref)

    def log_tail(self, id: NodeId, lines: int = TAIL_LINES) -> list[str]:
        """The last lines that a node has logged."""
        return tail(self.folder / self.fleet.node(id).id, lines)

    def _hear(self, at_s: float, id: NodeId, body: Any) -> None:
        with self._news:
            self.facts.append((at_s - self._machine.began_s, id, body))
            self._news.notify_all()

    def _lost(self, id: NodeId, why: str) -> None:
        with self._news:
            self._failed[id] = why
            self._news.notify_all()

    def _listen(self, seen: int, timeout_s: float) -> None:
        """Waits a while at most for a fact beyond number `seen`. Raises Unreachable when a process has been lost."""
        with self._news:
            self._news.wait_for(lambda: len(self.facts) > seen or bool(self._failed), min(timeout_s, LOOK_S))
            lost = list(self._failed.values())
        if lost:
            raise Unreachable(lost[0])
        _ = self._machine.links  # raises when their process is gone

    def _await_links(self) -> None:
        """Until every link is up at both its ends."""
        until_s, down = time.monotonic() + LINK_S, [lower for lower, _ in self.fleet.links]
        while down:
            before, down = len(down), [lower for lower in down if not self._is_up(lower)]
            if len(down) < before:
                self.progress(f"{len(self.fleet.links) - len(down)} of {len(self.fleet.links)} links are up")
            if down and time.monotonic() > until_s:
                why = "\n".join(self.log_tail(down[0]))
                raise Unreachable(
                    f"links above {down} did not come up within {LINK_S:g} s; the first one's log:\n{why}"
                )
            if down:
                self._listen(len(self.facts), LOOK_S)

    def _is_up(self, lower: NodeId) -> bool:
        upper = self.fleet.node(lower).parent
        assert upper is not None  # the cloud has no link above it
        return any(link.up for link in self.status(lower).links if link.peer == upper) and any(
            link.up for link in self.status(upper).links if link.peer == lower
        )
