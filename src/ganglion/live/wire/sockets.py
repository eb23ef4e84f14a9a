"""What every connection asks of its TCP socket: no delay, the gentler congestion control, an end to silence."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from ..own_socket import Own

SILENCE_MS = 20_000  # unacknowledged data for so long ends a connection
UNSENT_BYTES = 64 * 1024  # that the kernel takes on a bulk connection before they can go
_ENDING = (7, 8)  # of Linux' states of a connection: closed, and closed by the other end
CONTROL = b"bbr"  # on lossy links several times faster than the kernels' default


async def connected(address: tuple[str, int]) -> socket.socket:
    """A TCP connection to the first of a host's addresses that takes one. Raises OSError.

    It is made here and handed on whole: who makes a socket closes it, and who reads from it must be the one to do so.
    """
    loop = asyncio.get_running_loop()
    trouble = OSError(f"{address[0]} has no address")
    for family, kind, protocol, _, where in await loop.getaddrinfo(*address, type=socket.SOCK_STREAM):
        made = Own(family, kind, protocol)
        try:
            made.setblocking(False)
            _set(made)  # at once: whoever falls silent in the handshake is noticed as later
            await loop.sock_connect(made, where)
        except OSError as error:
            made.close()
            trouble = error
        except asyncio.CancelledError:
            made.close()
            raise
        else:
            return made
    raise trouble


def give_up(made: socket.socket | None) -> None:
    """Ends a connection without closing its descriptor: whoever reads it sees the end, and closes it.

    A descriptor that is closed under its reader soon belongs to another connection, which would lose its bytes to it.
    """
    with suppress(OSError):  # it is closed already, or nobody ever answered
        if isinstance(made, Own):
            made.check()
        if made is not None:
            made.shutdown(socket.SHUT_RDWR)


def has_left(made: socket.socket) -> bool:
    """Whether the other end has given up a connection already; False where the system has no way to tell."""
    if not hasattr(socket, "TCP_INFO"):
        return False
    with suppress(OSError):
        return made.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in _ENDING
    return True


def tune_bulk(transport: asyncio.BaseTransport) -> socket.socket | None:
    """Keeps the kernel from hoarding what is not sent yet: it would be lost with the connection."""
    sock: socket.socket | None = transport.get_extra_info("socket")
    if sock is not None:
        _hoard_little(sock)
    return sock


def tune(transport: asyncio.BaseTransport) -> str:
    """Sets what the kernel allows and gives the congestion control in force; "" where it does not say."""
    sock = transport.get_extra_info("socket")
    return "" if sock is None else _set(sock)


def tune_socket(sock: socket.socket) -> socket.socket:
    """The same for a bulk socket that is not connected yet."""
    sock.setblocking(False)
    _set(sock)
    _hoard_little(sock)
    return sock


def _hoard_little(sock: socket.socket) -> None:
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)


def _set(sock: socket.socket) -> str:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
    if not hasattr(socket, "TCP_CONGESTION"):
        return ""
    with suppress(OSError):  # the kernel has none or does not let us: its default serves
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, CONTROL)
    name: bytes = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)
    return name.split(b"\0", 1)[0].decode()
