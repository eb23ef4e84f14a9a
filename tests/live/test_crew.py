"""A crew's results do not depend on how many work, nor on a worker that is lost."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest

from ganglion.core.errors import ConfigError, GanglionError
from ganglion.live.crew import Crew, pages

pytestmark = pytest.mark.live


def test_orders_are_carried_out_in_order_and_pages_are_shared() -> None:
    room = pages(40, np.int64)

    def work(order: bytes) -> bytes:
        room[int(order)] = os.getpid()
        return order * 2

    for count in (0, 1, 3):
        with Crew(count, work) as crew:
            assert crew.ask([b"%d" % at for at in range(7)]) == [b"%d%d" % (at, at) for at in range(7)]
            assert set(room[:7].tolist()) == {os.getpid(), *crew.processes} and crew.width == max(1, count)


def test_a_refusal_is_an_error_here_and_the_worker_lives_on() -> None:
    def work(order: bytes) -> bytes:
        if order == b"bad":
            raise ConfigError("a bad order; give a good one")
        return b"fine"

    for count in (0, 2):
        with Crew(count, work) as crew:
            with pytest.raises(GanglionError, match="a bad order"):
                crew.ask([b"good", b"bad"])
            assert crew.ask([b"good"] * 3) == [b"fine"] * 3


def test_what_a_lost_worker_was_to_do_is_done_here() -> None:
    parent = os.getpid()

    def work(order: bytes) -> bytes:
        if order == b"die" and os.getpid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
        return b"%d" % (os.getpid() == parent)

    with Crew(2, work) as crew:
        assert crew.ask([b"live", b"live"]) == [b"1", b"0"]
        lost = crew.processes[0]
        assert crew.ask([b"live", b"die"]) == [b"1", b"1"]
        assert crew.ask([b"live", b"live"]) == [b"1", b"1"]
    with pytest.raises(ProcessLookupError):
        os.kill(lost, 0)
