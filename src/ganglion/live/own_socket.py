"""Sockets that never close, or use, another's descriptor: for libraries that share a descriptor with its event loop.

A connection that is reset while it is made may be closed by the loop before its socket is told so (uvloop 0.23,
`create_connection(sock=…)`); closing that socket, or forgetting it, would then end whatever has its number by now.
"""

from __future__ import annotations

import os
import socket
from typing import Any


class Own(socket.socket):
    """A socket that lets go of a descriptor which is not its own any more; options of such a one are not set.

    Errors in setting options are left to who reads and writes: the WebSocket library (picows 2.3.1) sets some as a
    connection begins, is left half made by an error there, and takes the process along when that connection ends.
    """

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        super().__init__(family, kind, protocol)
        self._inode = os.fstat(self.fileno()).st_ino

    def close(self) -> None:
        """Only what is its own."""
        self.check()
        super().close()

    def __del__(self) -> None:
        self.check()

    def check(self) -> None:
        """Lets go of what is not its own any more."""
        try:
            if self.fileno() >= 0 and os.fstat(self.fileno()).st_ino != self._inode:
                self.detach()
        except OSError:  # nobody's
            self.detach()

    def setsockopt(self, *args: Any) -> None:
        """As far as it can be done."""
        try:
            super().setsockopt(*args)
        except OSError:
            self.check()

    def getsockopt(self, *args: Any) -> Any:
        """What it is; nothing where that cannot be said."""
        try:
            return super().getsockopt(*args)
        except OSError:
            self.check()
            return b"" if len(args) > 2 else 0


def own_socket(where: tuple[Any, ...]) -> Own:
    """For `aiohttp.TCPConnector(socket_factory=…)`: one for an address as `getaddrinfo` gives it."""
    return Own(*where[:3])
