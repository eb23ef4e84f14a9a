"""A dial that is given up, and a port that takes in a crowd: nobody's descriptor is closed under its reader."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from wire_fleet import CLOUD, Station, identities, parcel, run

from ganglion.live.identity.node import Identity
from ganglion.live.wire.accept import EACH_TURN
from ganglion.live.wire.dial import ALPN
from ganglion.live.wire.limits import Settings
from ganglion.live.wire.sockets import connected, give_up, has_left

HASTY = Settings(greet_s=0.1, first_wait_s=30.0, longest_wait_s=30.0)
PAIRS, WORDS = 12, 20

pytestmark = pytest.mark.live


class Late:
    """A cloud that takes a connection in and goes on with its handshake only when it is told to."""

    def __init__(self, identity: Identity) -> None:
        self.port = socket.create_server(("127.0.0.1", 0))
        self.taken, self.go = threading.Event(), threading.Event()
        self._context = identity.server(ALPN)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        made, _ = self.port.accept()
        made.settimeout(10.0)
        self.taken.set()
        self.go.wait(10.0)
        with suppress(OSError), self._context.wrap_socket(made, server_side=True) as shaken:
            while shaken.recv(4096):
                pass

    def close(self) -> None:
        """After the connection has ended."""
        self._thread.join(10.0)
        self.port.close()
        assert not self._thread.is_alive(), "the connection that was given up still stands"


async def others() -> None:
    """Connections that have to do with nobody else, on whatever descriptors are free."""
    pairs = [socket.socketpair() for _ in range(PAIRS)]
    ends = [[await asyncio.open_connection(sock=one) for one in pair] for pair in pairs]
    for word in range(WORDS):
        for place, ((_, write), (read, _)) in enumerate(ends):
            write.write(f"{place} {word}\n".encode())
            async with asyncio.timeout(5.0):
                assert await read.readline() == f"{place} {word}\n".encode()
    for (_, one), (_, other) in ends:
        one.close()
        other.close()


def test_a_dial_given_up_as_its_handshake_ends_takes_nothing_from_others(tmp_path: Path) -> None:
    """The loop stands still until both are due, the end of the handshake and the end of patience."""

    async def work() -> None:
        _, cloud_id, edge_id = identities(tmp_path)
        late, edge = Late(cloud_id), Station(edge_id, HASTY)
        await edge.net.start(None, late.port.getsockname())
        while not late.taken.is_set():
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)  # the first flight goes out
        late.go.set()
        time.sleep(0.3)
        while not edge.net.trouble:
            await asyncio.sleep(0.001)
        assert "too slow" in edge.net.trouble and not edge.links
        await others()
        await asyncio.to_thread(late.close)
        await edge.net.close()

    run(work())


def test_a_crowd_larger_than_a_turn_is_taken_in_and_strangers_among_it_harm_nobody(tmp_path: Path) -> None:
    async def work() -> None:
        _, cloud_id, edge_id = identities(tmp_path)
        cloud, edge = Station(cloud_id), Station(edge_id)
        port = await cloud.net.start(("127.0.0.1", 0), None) or 0
        strangers = [await connected(("127.0.0.1", port)) for _ in range(3 * EACH_TURN)]
        for one in strangers:
            await asyncio.get_running_loop().sock_sendall(one, b"GET / HTTP/1.1\r\n\r\n")
        await edge.net.start(None, ("127.0.0.1", port))
        await edge.linked()
        edge.send(CLOUD, parcel(7))
        assert (await cloud.hears()).body.samples == 7
        for one in strangers:
            give_up(one)
            one.close()
        await edge.net.close()
        await cloud.net.close()

    run(work())


def test_who_has_left_is_seen_before_any_work_is_done_for_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as port:
        stays, leaves = (socket.create_connection(port.getsockname()) for _ in range(2))
        first, second = (port.accept()[0] for _ in range(2))
        leaves.sendall(b"hello")  # what it said before does not hide that it has gone
        leaves.close()
        assert not has_left(first)
        for _ in range(1000):
            if has_left(second):
                break
            time.sleep(0.001)
        assert has_left(second)
        for one in (stays, first, second):
            one.close()


def test_an_address_that_nobody_listens_on_is_told() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as port:
            where = port.getsockname()
        with pytest.raises(ConnectionRefusedError):
            await connected(where)

    run(work())
