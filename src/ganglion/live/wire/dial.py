"""The dialling side: keeps the control connection to the parent up, and opens the tensor lane when it is wanted."""

from __future__ import annotations

import asyncio
import logging
import socket
from dataclasses import dataclass, field
from typing import Any

import picows
from numpy.random import Generator

from ...core.errors import Unreachable
from ...core.process import Lane
from ..identity.names import Name
from ..identity.node import Identity
from .connection import MESSAGE_BYTES, Connection
from .lines import Lines, log
from .sockets import connected, give_up

ALPN = "ganglion/1"  # how a WebSocket is told from HTTP on the one port
_SILENT = logging.getLogger("ganglion.wire.picows")
_SILENT.setLevel(logging.CRITICAL)  # what ends a connection is logged once, by `lines`
QUIET = logging.LoggerAdapter(_SILENT, {})  # the library makes a logger of every plain one for every connection
BUFFER_BYTES = {Lane.CONTROL: 16 * 1024, Lane.TENSOR: 512 * 1024}
GROWTH = 1.5  # of the wait, from one attempt to the next: doubling would add as long again as the parent was away


@dataclass
class Dialler:
    """Dials one parent. Raises nothing: what goes wrong is kept in `lines.trouble` and tried again."""

    identity: Identity
    lines: Lines
    parent: Name
    address: tuple[str, int]
    rng: Generator  # jitter of the back-off
    tasks: dict[Lane, asyncio.Task[None]] = field(default_factory=dict)

    def start(self) -> None:
        """Begins to keep the control connection up."""
        self.tasks[Lane.CONTROL] = asyncio.ensure_future(self._keep())

    async def close(self) -> None:
        """Stops dialling."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    def tensor(self) -> None:
        """Opens the tensor lane unless it is open or being opened."""
        peer, task = self.lines.neighbours[self.parent.node], self.tasks.get(Lane.TENSOR)
        if peer.open[Lane.TENSOR] is None and (task is None or task.done()):
            self.tasks[Lane.TENSOR] = asyncio.ensure_future(self._open_tensor())

    async def _keep(self) -> None:
        settings, failures = self.lines.settings, 0
        while True:
            try:
                connection = await self._connect(Lane.CONTROL)
                failures = 0
                await connection.ended.wait()
            except Unreachable as error:
                self._note(str(error))
            longest = min(settings.longest_wait_s, settings.first_wait_s * GROWTH**failures)
            failures = min(failures + 1, 32)
            await asyncio.sleep(float(self.rng.random()) * longest)

    async def _open_tensor(self) -> None:
        try:
            await self._connect(Lane.TENSOR)
        except Unreachable as error:
            self._note(str(error))
            self.lines.neighbours[self.parent.node].out[Lane.TENSOR].broken(str(error))

    async def _connect(self, lane: Lane) -> Connection:
        host, port = self.address
        url = f"wss://{host}:{port}/v1/lanes/{lane.name.lower()}"
        settings = self.lines.settings
        connection: Connection | None = None

        def listener() -> Connection:
            nonlocal connection
            connection = Connection(lane, self.lines, self.lines.ears.tap)
            return connection

        made: socket.socket | None = None
        try:
            async with asyncio.timeout(settings.dial_s):
                made = await connected(self.address)
            async with asyncio.timeout(settings.greet_s):
                await picows.ws_connect(listener, url, **self._options(lane, made))
                if connection is None:
                    raise ConnectionError("it ended the handshake; does it trust this node's certificate? Enrol again")
                await connection.greeted.wait()
        except (OSError, TimeoutError, picows.WSError) as error:
            if connection is not None:
                connection.drop("dialling took too long")
            give_up(made)
            why = "too slow" if isinstance(error, TimeoutError) else str(error) or "it ended the connection"
            raise Unreachable(f"{lane.name} of {self.parent.node} at {host}:{port}: {why}") from error
        except asyncio.CancelledError:
            give_up(made)
            raise
        if not connection.is_ready:
            raise Unreachable(f"{lane.name} of {self.parent.node} at {host}:{port}: {connection.why}")
        return connection

    def _options(self, lane: Lane, made: socket.socket) -> dict[str, Any]:
        wait_s = self.lines.settings.greet_s
        return {
            "ssl_context": self.identity.client(ALPN),
            "socket_factory": lambda url: made,
            "server_hostname": self.parent.host,
            "ssl_handshake_timeout": wait_s,
            "websocket_handshake_timeout": wait_s,
            "max_frame_size": MESSAGE_BYTES,
            "max_redirects": 0,
            "read_buffer_init_size": BUFFER_BYTES[lane],
            "logger_name": QUIET,
        }

    def _note(self, why: str) -> None:
        if why != self.lines.trouble:
            log.warning("%s; trying again", why)
        self.lines.trouble = why
