"""Takes in connections in the order they came, a few in each turn of the loop, so that those begun are ended first.

When a whole fleet comes back at once, the others wait in the kernel, where waiting costs nothing; whoever has given up
meanwhile is let go before any cryptography is spent on it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable

import aiofastnet

from .sockets import give_up, has_left

log = logging.getLogger("ganglion.wire")
BACKLOG = 4096  # that wait to be accepted: all of a fleet; the system may allow fewer
EACH_TURN = 8  # of them, of which the loop turns some hundred times in a second
AGAIN_S = 0.5  # after the system had no descriptor left
HANDSHAKE_S = 30.0  # from its turn on: a handshake given up halfway is begun again, and costs twice
SHUTDOWN_S = 1.0


class Acceptor:
    """A listening port. Each connection gets a protocol once TLS stands."""

    def __init__(self, port: socket.socket, protocol: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext) -> None:
        self._port = port
        self._protocol = protocol
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._shaking: set[asyncio.Task[None]] = set()
        self._listen()

    @property
    def where(self) -> tuple[str, int]:
        """The address that is listened on."""
        host, port = self._port.getsockname()[:2]
        return str(host), int(port)

    def close(self) -> None:
        """Frees the port and breaks off handshakes under way; what stands is its owner's to end."""
        if self._port.fileno() >= 0:
            self._loop.remove_reader(self._port)
            self._port.close()
        for task in self._shaking:
            task.cancel()

    async def wait_closed(self) -> None:
        """Until the last handshake is broken off."""
        await asyncio.gather(*self._shaking, return_exceptions=True)

    def _listen(self) -> None:
        if self._port.fileno() >= 0:
            self._loop.add_reader(self._port, self._take)

    def _take(self) -> None:
        for _ in range(EACH_TURN):
            try:
                made, _ = self._port.accept()
            except ConnectionAbortedError:
                continue
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                log.warning("no connection can be taken in: %s; raise the limit with `ulimit -n`", error)
                self._loop.remove_reader(self._port)
                self._loop.call_later(AGAIN_S, self._listen)
                return
            if has_left(made):
                made.close()
                continue
            task = asyncio.ensure_future(self._shake(made))
            self._shaking.add(task)
            task.add_done_callback(self._shaking.discard)

    async def _shake(self, made: socket.socket) -> None:
        try:
            await aiofastnet.connect_accepted_socket(
                self._loop,
                self._protocol,
                made,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=SHUTDOWN_S,
            )
        except OSError as error:  # strangers whose TLS fails are no error of this node
            log.debug("a handshake failed: %s", error)
            give_up(made)


def bound(address: tuple[str, int]) -> socket.socket:
    """A socket that listens there. Raises OSError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    port = socket.create_server(address, family=family, backlog=BACKLOG)
    port.setblocking(False)
    return port
