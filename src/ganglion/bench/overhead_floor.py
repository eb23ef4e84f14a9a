"""What a request over loopback takes at the least: the same bytes there and back over the same TLS, and no more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import numpy as np
import picows

from ..core.label import PUBLIC_RAW
from ..core.ports import Parcel
from ..core.process import Lane
from ..core.ref import Ref
from ..live.identity.node import Identity
from ..live.split.messages import CODEC, Work
from ..live.wire.frame import encode
from ..live.wire.sockets import tune

ALPN = "floor/1"
MOST_BYTES = 16 << 20
BINARY = picows.WSMsgType.BINARY


class Echo(picows.WSListener):
    """Says what it hears."""

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """No waiting for more to send."""
        tune(transport.underlying_transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """A message in one frame."""
        if frame.msg_type == BINARY:
            transport.send(BINARY, frame.get_payload_as_bytes())


async def echo(identity: Identity) -> tuple[asyncio.Server, int]:
    """Listens on a port of its own."""
    server = await picows.ws_create_server(
        lambda request: Echo(), "127.0.0.1", 0, ssl=identity.server(ALPN), max_frame_size=MOST_BYTES
    )
    return server, int(server.sockets[0].getsockname()[1])


@dataclass(eq=False)
class Floor(picows.WSListener):
    """The asking side; one message at a time."""

    _transport: picows.WSTransport | None = None
    _heard: asyncio.Future[bytes] = field(init=False)

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        """No waiting for more to send."""
        self._transport = transport
        tune(transport.underlying_transport)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        """The answer."""
        if frame.msg_type == BINARY:
            self._heard.set_result(frame.get_payload_as_bytes())

    async def ask(self, message: bytes) -> None:
        """There and back."""
        assert self._transport is not None
        self._heard = asyncio.get_running_loop().create_future()
        self._transport.send(BINARY, message)
        assert len(await self._heard) == len(message)

    def close(self) -> None:
        """Ends the connection."""
        assert self._transport is not None
        self._transport.disconnect()


async def connect(identity: Identity, host: str, port: int) -> Floor:
    """Over mutual TLS, as places are linked."""
    context = identity.client(ALPN)
    _, floor = await picows.ws_connect(
        Floor, f"wss://127.0.0.1:{port}/", ssl_context=context, server_hostname=host, max_frame_size=MOST_BYTES
    )
    assert isinstance(floor, Floor)
    return floor


def message_of(numbers: int) -> bytes:
    """A request of the no-op as the wire sends it."""
    array = np.zeros((1, numbers), np.float32)
    work = Work("split", 1, ("x0",), (False,))
    carried = ((Ref("~x0", array.nbytes, PUBLIC_RAW), array),)
    head, parts, _ = encode(Parcel("split", "", work, Lane.TENSOR, 10.0, attached=carried), 1, CODEC)
    return b"".join((head, *parts))
