"""What every connection asks of its TCP socket: no delay, the gentler congestion control, an end to silence."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

SILENCE_MS = 20_000  # unacknowledged data for so long ends a connection
UNSENT_BYTES = 64 * 1024  # that the kernel takes on a bulk connection before they can go
CONTROL = b"bbr"  # on lossy links several times faster than the kernels' default


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
