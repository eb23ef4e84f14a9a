"""The listening side: one TLS port for every lane. Who agreed on `ganglion/1` gets a WebSocket, all others HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from picows import WSAutoPingStrategy, WSUpgradeRequest
from picows.picows import WSProtocol  # type: ignore[attr-defined]

from ...core.process import Lane
from .accept import HANDSHAKE_S, Acceptor, bound
from .connection import MESSAGE_BYTES, Connection
from .dial import ALPN, QUIET
from .lines import Lines, log
from .sockets import tune

BUFFER_BYTES = 16 * 1024  # grows with the frames that come; the WebSocket library writes to all of it at once
_LANES = {f"/v1/lanes/{lane.name.lower()}".encode(): lane for lane in (Lane.CONTROL, Lane.TENSOR)}


class Doorway(asyncio.Protocol):
    """A fresh connection: hands itself on to whoever speaks the protocol that TLS agreed on."""

    def __init__(self, lines: Lines, http: Callable[[], asyncio.Protocol]) -> None:
        self._lines = lines
        self._http = http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands."""
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        tune(transport)
        protocol = self._websocket() if agreed == ALPN else self._http()
        cast(asyncio.Transport, transport).set_protocol(protocol)
        protocol.connection_made(transport)

    def _websocket(self) -> asyncio.Protocol:
        def listener(request: WSUpgradeRequest) -> Connection | None:
            lane = _LANES.get(request.path)
            return None if lane is None else Connection(lane, self._lines, self._lines.ears.tap)

        idle = (False, HANDSHAKE_S, HANDSHAKE_S, WSAutoPingStrategy.PING_WHEN_IDLE)  # no pings but our own
        made = WSProtocol(
            None, None, False, listener, QUIET, True, HANDSHAKE_S, *idle, True, MESSAGE_BYTES, None, BUFFER_BYTES
        )
        return cast(asyncio.Protocol, made)


def listen(
    lines: Lines, http: Callable[[], asyncio.Protocol], address: tuple[str, int], context: ssl.SSLContext
) -> Acceptor:
    """Opens the port. Raises OSError."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(partial(_without_handshakes, loop.get_exception_handler()))
    context.num_tickets = 0  # nobody here resumes a session: they would be made, sent and kept for nothing
    return Acceptor(bound(address), lambda: Doorway(lines, http), context)


def _without_handshakes(
    others: Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object] | None,
    loop: asyncio.AbstractEventLoop,
    context: dict[str, Any],
) -> None:
    """Strangers whose TLS fails are no error of this node, and a traceback of each would cost more than the attempt."""
    if str(context.get("message")).startswith("SSL handshake failed"):
        log.debug("a handshake failed: %s", context.get("exception"))
    elif others is not None:
        others(loop, context)
    else:
        loop.default_exception_handler(context)
