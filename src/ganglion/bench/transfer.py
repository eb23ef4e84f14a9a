"""A blob over a slow link that is cut again and again, to a node that is killed on the way: what it costs in bytes.

A cloud and an edge as processes, as `ganglion up` starts them, and the link between them as our shaper carries it;
bytes are counted at the edge's socket, with TLS, HTTP and everything else that crosses meanwhile.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Unreachable
from ..core.facts import Fetched
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import PUBLIC_RAW, Zone
from ..core.ref import Ref
from ..core.rng import stream
from ..flow.fetch.client import Fetch
from ..live.agent_file import STATE
from ..live.disk import LiveBlobs
from ..live.identity.vault import LocalVault
from ..live.supervisor import LiveFleet
from ..node.tools import Policy
from ..run import Setup

CLOUD, EDGE = NodeId("cloud"), NodeId("edge")
MBIT_S, DELAY_S = 10.0, 0.02  # of the link, both ways; 40 ms there and back
BYTES, QUICK_BYTES = 100_000_000, 4_000_000
CUTS, QUICK_CUTS = 12, 5  # and one kill among them
CUT_S = 0.3  # that a cut lasts
MOST, QUICK_MOST = 1.05, 1.1  # bytes at the socket for each that was missing; quick has a fault each 0.7 MB
SLOWEST = 3.0  # times what the link alone would take, before the bench gives up
LOOK_S = 0.02
SPEC = str(Path(__file__).parents[1] / "template")
Result = dict[str, Any]
log = logging.getLogger("ganglion.bench")


@dataclass
class Course:
    """One transfer under way, and what was done to it."""

    fleet: LiveFleet
    ref: Ref
    cuts: int = 0
    kills: int = 0
    _began_bytes: int = 0

    @property
    def socket_bytes(self) -> int:
        """That have come to the edge since the transfer began."""
        return self.fleet.bytes(EDGE)[1] - self._began_bytes

    def begin(self) -> None:
        """Asks for the blob; counting starts with the first time."""
        if not self.kills:
            self._began_bytes = self.fleet.bytes(EDGE)[1]
        self.fleet.begin(EDGE, Fetch(self.ref, CLOUD))

    def cut(self) -> None:
        """Resets every connection, and mends the link after a while."""
        self.fleet.cut(EDGE)
        time.sleep(CUT_S)
        self.fleet.mend(EDGE)
        self.cuts += 1

    def kill(self) -> None:
        """kill -9 of the process that receives; its next life wants the blob again."""
        self.fleet.kill(EDGE)
        self.fleet.start(EDGE)
        self.kills += 1
        self.begin()

    def until(self, true: Callable[[], bool], until_s: float) -> None:
        """Looks again and again. Raises Unreachable when it takes too long."""
        while not true():
            if time.monotonic() > until_s:
                raise Unreachable(f"{self.socket_bytes} bytes came in time; {self.fleet.log_tail(EDGE, 5)}")
            time.sleep(LOOK_S)

    @property
    def over(self) -> bool:
        """Whether the edge has said that it holds the whole blob."""
        return any(node == EDGE and body == Fetched(self.ref) for _, node, body in self.fleet.facts)


def run(quick: bool, seed: int) -> Result:
    """One row. Quick is a smaller blob with as many faults for each megabyte as nobody would meet."""
    size, cuts, most = (QUICK_BYTES, QUICK_CUTS, QUICK_MOST) if quick else (BYTES, CUTS, MOST)
    rate = MBIT_S * 1e6 / 8
    link = Link("uplink", rate, rate, DELAY_S)
    fleet = Fleet((Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)), ((EDGE, link),))
    with (
        tempfile.TemporaryDirectory(prefix="ganglion-transfer-") as name,
        LiveFleet(Setup(fleet, Policy(), SPEC, {}), Path(name) / "fleet", seed) as world,
    ):
        content = stream(seed, "transfer").bytes(size)
        ref = LiveBlobs(world.folder / CLOUD / STATE, LocalVault(world.folder / CLOUD)).put([content], PUBLIC_RAW)
        course = Course(world, ref)
        began_s = time.monotonic()
        _carry(course, cuts, began_s + SLOWEST * (size / rate + cuts * 2.0))
        took_s, came = time.monotonic() - began_s, course.socket_bytes
        same = world.blob(EDGE, ref) == content
    row = {
        "what": f"{size / 1e6:g} MB over {MBIT_S:g} Mbit/s, {2e3 * DELAY_S:g} ms",
        "cuts": course.cuts,
        "kills": course.kills,
        "missing_bytes": size,
        "socket_bytes": came,
        "of_missing": round(came / size, 4),
        "seconds": round(took_s, 1),
        "of_link_time": round(took_s / (size / rate), 2),
        "same_bytes": same,
        "bar": f"<= {most:g} of what was missing, the same bytes, >= 5 cuts, 1 kill",
        "ok": came <= most * size and same and course.cuts >= 5 and course.kills == 1,
    }
    return {"rows": [row], "ok": row["ok"]}


def _carry(course: Course, cuts: int, until_s: float) -> None:
    """The transfer from beginning to end, with faults spread over it; the kill is in the middle."""
    course.begin()
    places = [(turn + 0.5) / (cuts + 1) for turn in range(cuts + 1)]
    for turn, share in enumerate(places):
        course.until(lambda share=share: course.socket_bytes >= share * course.ref.size_bytes, until_s)  # type: ignore[misc]
        fault = course.kill if turn == cuts // 2 else course.cut
        log.info("%s at %.1f %% of the blob", "kill -9" if fault == course.kill else "a cut", 100 * share)
        fault()
    course.until(lambda: course.over, until_s)
