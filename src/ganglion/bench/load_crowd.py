"""Many neighbours of one node in a process: each with a certificate, a wire and, if asked, an outbox of its own.

`python -m ganglion.bench.load_crowd AUTHORITY PORT ZONE FIRST COUNT FOLDER`: every line of stdin is answered with one
of JSON: `dial SECONDS`, `linked`, `beat RATE SECONDS`, `notes RATE SECONDS`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvloop

from ..core.codec import Codec
from ..core.fleet import NodeId
from ..core.label import Zone
from ..core.ports import Parcel
from ..core.process import Event, Lane
from ..core.rng import stream
from ..flow.presence.messages import Beat
from ..live.identity import certificates
from ..live.identity.authority import Authority
from ..live.identity.files import CA_CERT, NODE_CERT, NODE_KEY
from ..live.identity.names import Name
from ..live.identity.node import Identity
from ..live.wire.neighbour import Ears
from ..live.wire.net import WireNet
from ..node.outbox import WINDOW, Ack
from .load_messages import Note, codec
from .load_node import HOST, UPPER, fleet_of, lines, lower, say

NOTE_BYTES = 1000
TICK_S = 0.01
AGAIN_S = 2.0  # unacknowledged for so long: sent again, as a node's post does
DRAIN_S = 60.0  # for what was sent to be acknowledged
AT_ONCE = 50  # nodes that begin to dial in one tick
TEXT = "x" * NOTE_BYTES


class Member:
    """One neighbour: what it has sent, and what of it is acknowledged."""

    def __init__(self, folder: Path, zone: Zone, place: int, known: Codec) -> None:
        self.me, self.upper, self.up = lower(zone, place), UPPER[zone], False
        self.sent = self.acked = self.lost = 0
        self.moved_s = 0.0  # when an acknowledgement last came, or all was sent again
        ears = Ears(self._hear, self._linked)
        self.net = WireNet(Identity.load(folder), fleet_of(zone, range(place, place + 1)), known, ears, stream(place))

    def beat(self) -> None:
        """A sign of life."""
        self._send(Parcel("presence", "", Beat(self.me, 0, 0, 0, 0.0), Lane.CONTROL, 2.0, name="beat"))

    def note(self, now_s: float) -> bool:
        """One more durable message, unless too many wait; whether it went."""
        if not self.up or self.sent - self.acked >= WINDOW:
            return False
        if self.sent == self.acked:
            self.moved_s = now_s
        self.sent += 1
        self._post(self.sent)
        return True

    def again(self, now_s: float) -> None:
        """Sends what nobody has acknowledged for a while."""
        if self.up and self.sent > self.acked and now_s - self.moved_s > AGAIN_S:
            self.moved_s = now_s
            for number in range(self.acked + 1, self.sent + 1):
                self._post(number)

    def _post(self, number: int) -> None:
        self._send(Parcel("bench", "", Note(number, TEXT), Lane.CONTROL, None, "first", number, "note"))

    def _send(self, parcel: Parcel) -> None:
        self.net.send(self.upper, parcel, self._lost)

    def _lost(self, event: Event) -> None:
        self.lost += 1

    def _hear(self, sender: NodeId, parcel: Parcel) -> None:
        if isinstance(parcel.body, Ack):
            self.acked, self.moved_s = max(self.acked, parcel.body.seq), time.monotonic()

    def _linked(self, peer: NodeId, up: bool) -> None:
        self.up, self.moved_s = up, 0.0


class Crowd:
    """All of this process."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members

    @property
    def linked(self) -> int:
        """How many have a connection."""
        return sum(member.up for member in self.members)

    async def dial(self, port: int, wait_s: float) -> dict[str, Any]:
        """Everybody begins to dial; waits until all are linked, or so long."""
        began_s = time.monotonic()
        for place, member in enumerate(self.members):
            await member.net.start(None, (HOST, port))
            if place % AT_ONCE == 0:
                await asyncio.sleep(TICK_S)
        while self.linked < len(self.members) and time.monotonic() - began_s < wait_s:
            await asyncio.sleep(TICK_S)
        return {"linked": self.linked, "seconds": time.monotonic() - began_s}

    async def beat(self, rate: float, for_s: float) -> dict[str, Any]:
        """Signs of life in turn, at a rate over all."""
        sent = await self._paced(rate, for_s, lambda member, now_s: member.beat() is None)
        return {"sent": sent, "lost": sum(member.lost for member in self.members)}

    async def notes(self, rate: float, for_s: float) -> dict[str, Any]:
        """Durable messages in turn, at most at a rate over all; then waits until all are acknowledged."""
        before, began_s = sum(member.acked for member in self.members), time.monotonic()
        await self._paced(rate, for_s, Member.note)
        acked = sum(member.acked for member in self.members) - before
        took_s = time.monotonic() - began_s
        while any(m.sent > m.acked for m in self.members) and time.monotonic() - began_s < for_s + DRAIN_S:
            for member in self.members:
                member.again(time.monotonic())
            await asyncio.sleep(TICK_S)
        totals = {name: sum(getattr(m, name) for m in self.members) for name in ("sent", "acked", "lost")}
        return {**totals, "acked_s": acked / took_s}

    async def _paced(self, rate: float, for_s: float, act: Any) -> int:
        began_s, done, place, tried = time.monotonic(), 0, 0, 0
        while (now_s := time.monotonic()) - began_s < for_s:
            while tried < rate * (now_s - began_s):
                done += act(self.members[place % len(self.members)], now_s)
                place, tried = place + 1, tried + 1
            for member in self.members[place % len(self.members) :: 100]:
                member.again(now_s)
            await asyncio.sleep(TICK_S)
        return done


def enrol(authority: Authority, folder: Path, zone: Zone, places: range) -> list[Path]:
    """A folder per neighbour. They share one key, for it is made here; every certificate is one's own."""
    key = certificates.new_key()
    (folder / NODE_KEY).write_bytes(certificates.key_to_bytes(key))
    (folder / CA_CERT).write_bytes(certificates.to_bytes(authority.roots))
    made, now_s = [], time.time()
    for place in places:
        name = Name(authority.org, Zone(zone - 1), lower(zone, place))
        own = folder / name.node
        own.mkdir()
        pem = certificates.issue(authority.issuers[0], authority.key, key.public_key(), name, now_s)
        (own / NODE_CERT).write_bytes(pem + certificates.to_bytes(authority.issuers))
        for shared in (NODE_KEY, CA_CERT):
            os.link(folder / shared, own / shared)
        made.append(own)
    return made


async def crowd(authority: Path, port: int, zone: Zone, places: range, folder: Path) -> None:
    """Until stdin ends."""
    known = codec()
    folders = enrol(Authority.load(authority), folder, zone, places)
    members = [Member(own, zone, place, known) for own, place in zip(folders, places, strict=True)]
    own, asked = Crowd(members), await lines()
    say({"members": len(members)})
    while line := await asked.readline():
        match line.decode().split():
            case ["dial", wait_s]:
                say(await own.dial(port, float(wait_s)))
            case ["linked"]:
                say({"linked": own.linked})
            case ["beat", rate, for_s]:
                say(await own.beat(float(rate), float(for_s)))
            case ["notes", rate, for_s]:
                say(await own.notes(float(rate), float(for_s)))
    os._exit(0)  # thousands of connections would take longer to say goodbye than anybody waits


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        first, count = int(sys.argv[4]), int(sys.argv[5])
        places = range(first, first + count)
        zone = Zone(int(sys.argv[3]))
        uvloop.run(crowd(Path(sys.argv[1]), int(sys.argv[2]), zone, places, Path(sys.argv[6])))
