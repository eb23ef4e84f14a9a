"""A socket whose descriptor was closed by somebody else leaves alone whoever has that number by now."""

from __future__ import annotations

import gc
import os
import socket

import pytest

from ganglion.live.own_socket import Own, own_socket

WHERE = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 0))


def stolen() -> tuple[Own, list[socket.socket]]:
    """A socket whose descriptor the event loop has closed, and connections one of which has its number now."""
    lost = own_socket(WHERE)
    number = lost.fileno()
    os.close(number)
    others = [*socket.socketpair(), *socket.socketpair()]
    assert number in [one.fileno() for one in others]
    return lost, others


def both_live(others: list[socket.socket]) -> bool:
    """Whether bytes still go through both connections."""
    for near, far in (others[:2], others[2:]):
        near.sendall(b"x")
        if far.recv(1) != b"x":
            return False
    return True


def closed(others: list[socket.socket]) -> None:
    """Leaves nothing open."""
    for one in others:
        one.close()


def test_closing_it_closes_nothing_of_others() -> None:
    lost, others = stolen()
    lost.close()
    assert lost.fileno() == -1 and both_live(others)
    closed(others)


def test_forgetting_it_closes_nothing_of_others() -> None:
    lost, others = stolen()
    del lost
    gc.collect()
    assert both_live(others)
    closed(others)


def test_a_plain_socket_would_have_closed_it() -> None:
    """So this is worth its file."""
    lost = socket.socket()
    os.close(lost.fileno())
    others = [*socket.socketpair(), *socket.socketpair()]
    lost.close()
    with pytest.raises(OSError):
        both_live(others)
    for one in others:
        try:
            one.close()
        except OSError:
            one.detach()


def test_options_of_a_lost_one_fail_silently_and_it_lets_go() -> None:
    lost = own_socket(WHERE)
    os.close(lost.fileno())
    lost.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert lost.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 0 and lost.fileno() == -1


def test_one_that_is_its_own_works_as_any_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, own_socket(WHERE) as made:
        made.connect(server.getsockname())
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        number = made.fileno()
    with pytest.raises(OSError):
        os.fstat(number)
