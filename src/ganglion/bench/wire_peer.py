"""One side of one transport of the wire bench, in a process of its own: `serve` answers, `call` asks and times."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import uvloop

from ..core.codec import Codec
from ..core.fleet import Fleet, Link, Node, NodeId
from ..core.label import PUBLIC_RAW, Zone
from ..core.ports import Parcel
from ..core.process import Event, Lane
from ..core.ref import Ref
from ..core.rng import stream
from ..core.update import Statistic
from ..live.identity.files import CA_CERT, NODE_CERT, NODE_KEY
from ..live.identity.names import zone_host
from ..live.identity.node import Identity
from ..live.wire.neighbour import Ears
from ..live.wire.net import WireNet

HOST = "127.0.0.1"
REPLY = b"y" * 100
METHOD = "/bench.Wire/Ask"
CLOUD, EDGE = NodeId("cloud"), NodeId("edge")
FLEET = Fleet(
    (Node(CLOUD, Zone.CLOUD), Node(EDGE, Zone.EDGE, CLOUD)),
    ((EDGE, Link("loopback", 1e9, 1e9, 0.0)),),
)
Ask = Callable[[bytes, int], Awaitable[list[float]]]  # seconds of so many round trips with these bytes up


def _parcel(data: bytes) -> Parcel:
    array = np.frombuffer(data, np.uint8)
    ref = Ref("~bench/x", len(data), PUBLIC_RAW)
    return Parcel("bench", "", Statistic(0, 20, (("x", 1.0),)), Lane.TENSOR, 30.0, attached=((ref, array),))


def _fail(event: Event) -> None:
    raise SystemExit(f"the bench lost a parcel: {event}")


def _net(folder: Path, hear: Callable[[NodeId, Parcel], None], up: asyncio.Event) -> WireNet:
    def linked(peer: NodeId, now: bool) -> None:
        if now:
            up.set()

    identity = Identity.load(folder)
    return WireNet(identity, FLEET, Codec([Statistic]), Ears(hear, linked), stream(0, identity.node))


async def _serve_ours(folder: Path) -> int:
    reply = _parcel(REPLY)

    def hear(sender: NodeId, parcel: Parcel) -> None:
        net.send(sender, reply, _fail)

    net = _net(folder, hear, asyncio.Event())
    port = await net.start((HOST, 0), None)
    assert port is not None
    _keep.append(net)
    return port


async def _call_ours(folder: Path, port: int) -> Ask:
    up, state = asyncio.Event(), Rounds()
    net = _net(folder, lambda sender, parcel: state.reply(net), up)
    await net.start(None, (HOST, port))
    await asyncio.wait_for(up.wait(), 10.0)
    return lambda data, count: state.begin(net, data, count)


class Rounds:
    """Asks again as soon as the node hears the reply, as a flow would."""

    def begin(self, net: WireNet, data: bytes, count: int) -> asyncio.Future[list[float]]:
        """So many round trips from now on."""
        self._parcel, self._left, self._taken = _parcel(data), count, list[float]()
        self._all: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._ask(net)
        return self._all

    def reply(self, net: WireNet) -> None:
        """One has ended."""
        self._taken.append(time.perf_counter() - self._began_s)
        self._left -= 1
        if self._left:
            self._ask(net)
        else:
            self._all.set_result(self._taken)

    def _ask(self, net: WireNet) -> None:
        self._began_s = time.perf_counter()
        net.send(CLOUD, self._parcel, _fail)


async def _timed(ask: Callable[[bytes], Awaitable[None]], data: bytes, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        began_s = time.perf_counter()
        await ask(data)
        taken.append(time.perf_counter() - began_s)
    return taken


async def _serve_grpc(folder: Path) -> int:
    import grpc

    async def answer(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield REPLY

    server = grpc.aio.server(options=_GRPC)
    handler = grpc.stream_stream_rpc_method_handler(answer)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Wire", {"Ask": handler}),))
    pair = ((folder / NODE_KEY).read_bytes(), (folder / NODE_CERT).read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (folder / CA_CERT).read_bytes(), require_client_auth=True)
    port = server.add_secure_port(f"{HOST}:0", credentials)
    await server.start()
    _keep.append(server)
    return int(port)


async def _call_grpc(folder: Path, port: int) -> Ask:
    import grpc

    files = [(folder / name).read_bytes() for name in (CA_CERT, NODE_KEY, NODE_CERT)]
    options = [*_GRPC, ("grpc.ssl_target_name_override", zone_host(Zone.CLOUD))]
    channel = grpc.aio.secure_channel(f"{HOST}:{port}", grpc.ssl_channel_credentials(*files), options=options)
    call = channel.stream_stream(METHOD)()
    _keep.append(channel)

    async def ask(data: bytes) -> None:
        await call.write(data)
        await call.read()

    return partial(_timed, ask)


async def _serve_raw(folder: Path) -> int:
    listener = socket.create_server((HOST, 0))
    asyncio.get_running_loop().run_in_executor(None, _answer_raw, listener)
    return int(listener.getsockname()[1])


def _answer_raw(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = bytearray(8)
    while _read(peer, head):
        _read(peer, bytearray(int.from_bytes(head, "little")))
        peer.sendall(REPLY)


def _read(peer: socket.socket, into: bytearray) -> bool:
    view = memoryview(into)
    while view:
        size = peer.recv_into(view)
        if size == 0:
            return False
        view = view[size:]
    return True


async def _call_raw(folder: Path, port: int) -> Ask:
    peer = socket.create_connection((HOST, port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reply = bytearray(len(REPLY))

    async def ask(data: bytes) -> None:
        peer.sendall(len(data).to_bytes(8, "little"))
        peer.sendall(data)
        _read(peer, reply)

    return partial(_timed, ask)


SERVE = {"ours": _serve_ours, "grpc": _serve_grpc, "raw": _serve_raw}
CALL = {"ours": _call_ours, "grpc": _call_grpc, "raw": _call_raw}
_GRPC = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_keep: list[Any] = []  # what lives as long as the process


async def serve(kind: str, folder: Path) -> None:
    """Opens a port, says which, and answers until the parent closes our input."""
    port = await SERVE[kind](folder)
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def call(kind: str, folder: Path, port: int) -> None:
    """For every line `size count` of input: a line with the seconds of so many round trips."""
    ask, loop = await CALL[kind](folder, port), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        size, count = map(int, line.split())
        sys.stdout.write(" ".join(map(repr, await ask(bytes(size), count))) + "\n")
        sys.stdout.flush()


def _pin(place: int) -> None:
    """Each side has a processor of its own, as two machines would; else the scheduler may put both on one."""
    if hasattr(os, "sched_setaffinity"):
        mine = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {mine[place % len(mine)]})


if __name__ == "__main__":
    what, which, where = sys.argv[1:4]
    _pin(0 if what == "serve" else 1)
    uvloop.run(serve(which, Path(where)) if what == "serve" else call(which, Path(where), int(sys.argv[4])))
