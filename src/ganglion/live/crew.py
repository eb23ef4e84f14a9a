"""Processes that work together: this one, and others forked once from it, which hold what it holds.

They share pages and take orders as bytes; what an order means is not known here. What a lost process was to do is done
by this one instead.
"""

from __future__ import annotations

import logging
import mmap
import os
import signal
import sys
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, Pipe
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import GanglionError

FINE, REFUSED = b"\0", b"\1"
log = logging.getLogger("ganglion.crew")


def pages(count: int, kind: type[np.generic]) -> NDArray[Any]:
    """Zeros that processes forked later share with this one; only what is written to takes memory."""
    size_bytes = max(1, count * np.dtype(kind).itemsize)
    return np.frombuffer(mmap.mmap(-1, size_bytes), kind, count)


def can_fork() -> bool:
    """Whether this system forks safely; elsewhere a crew is its own process alone."""
    return sys.platform == "linux" and hasattr(os, "fork")


class Crew:
    """`count` workers, of which this process is one; with 0 or 1 it does all work itself, with the same results."""

    def __init__(self, count: int, work: Callable[[bytes], bytes]) -> None:
        self._work = work
        self._members: list[tuple[int, Connection]] = []
        for _ in range(count - 1 if can_fork() else 0):
            self._members.append(self._hire())

    @property
    def width(self) -> int:
        """How many orders are carried out at the same time."""
        return 1 + len(self._members)

    def ask(self, orders: Sequence[bytes]) -> list[bytes]:
        """What comes of each order. Raises GanglionError where one was refused."""
        found: dict[int, bytes] = {}
        for turn in range(0, len(orders), self.width):
            now = range(turn, min(turn + self.width, len(orders)))
            sent = {at: one for at, one in zip(now[1:], self._members, strict=False) if self._send(one, orders[at])}
            found |= {at: self._here(orders[at]) for at in now if at not in sent}
            found |= {at: self._receive(one, orders[at]) for at, one in sent.items()}
        return [_opened(found[at]) for at in range(len(orders))]

    def close(self) -> None:
        """Lets the workers go."""
        for process, pipe in self._members:
            pipe.close()
            os.waitpid(process, 0)
        self._members.clear()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of the others."""
        return tuple(process for process, _ in self._members)

    def _hire(self) -> tuple[int, Connection]:
        ours, theirs = Pipe()
        process = os.fork()
        if process:
            theirs.close()
            return process, ours
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the process that asks
        ours.close()
        for _, other in self._members:
            other.close()
        try:
            while True:
                theirs.send_bytes(self._here(theirs.recv_bytes()))
        except EOFError:
            os._exit(0)  # no more orders; nothing that the parent registered for its own end is run here
        except BaseException:  # boundary: nothing may climb into the frames that were forked along
            log.exception("a worker ends")
            os._exit(1)

    def _here(self, order: bytes) -> bytes:
        try:
            return FINE + self._work(order)
        except GanglionError as error:
            return REFUSED + str(error).encode()

    def _send(self, member: tuple[int, Connection], order: bytes) -> bool:
        try:
            member[1].send_bytes(order)
        except OSError:
            return False
        return True

    def _receive(self, member: tuple[int, Connection], order: bytes) -> bytes:
        try:
            return member[1].recv_bytes()
        except (EOFError, OSError):
            log.warning("worker %d is gone; its work is done here", member[0])
            return self._here(order)


def _opened(reply: bytes) -> bytes:
    if reply[:1] == REFUSED:
        raise GanglionError(reply[1:].decode())
    return reply[1:]
