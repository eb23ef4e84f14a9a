"""The uplink's estimate: it finds what a link carries, follows it, leaves room, and is not fooled by a slow source."""

from __future__ import annotations

import socket
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.live.wire.uplink import EVERY, FAST_BYTES_S, HEADROOM, KEPT_UP, LOOK_S, PROBE, Uplink, acknowledged

CHUNK = 256 * 1024


def carry(uplink: Uplink, link_bytes_s: float, bodies: int, size: int = CHUNK) -> list[float]:
    """Bodies one after the other over a link that takes so much; the rate at which each arrived."""
    rates = []
    for _ in range(bodies):
        body = uplink.begin(size)
        rate = min(link_bytes_s, uplink.pace_bytes_s or link_bytes_s)
        uplink.end(body, True)
        uplink.arrived(size, size / rate)
        rates.append(rate)
    return rates


@settings(max_examples=50, deadline=None)
@given(st.floats(1e4, 2e7))
def test_it_settles_at_four_fifths_of_any_link(link: float) -> None:
    uplink = Uplink()
    carry(uplink, link, 3 * EVERY)
    assert uplink.bytes_s == pytest.approx(link, rel=0.02)
    assert uplink.pace_bytes_s == pytest.approx(HEADROOM * link, rel=0.02)
    rates = carry(uplink, link, 4 * EVERY)
    assert sum(rate <= HEADROOM * link * 1.02 for rate in rates) >= len(rates) * (EVERY - 2) / EVERY


@settings(max_examples=50, deadline=None)
@given(st.floats(1e5, 2e6), st.floats(0.1, 8.0))
def test_it_follows_a_link_that_changes(link: float, change: float) -> None:
    uplink = Uplink()
    carry(uplink, link, EVERY)
    carry(uplink, link * change, 8 * EVERY)
    assert uplink.bytes_s == pytest.approx(min(link * change, FAST_BYTES_S), rel=PROBE - 1.0)


def test_a_fast_link_is_not_held_back() -> None:
    uplink = Uplink()
    carry(uplink, 10 * FAST_BYTES_S, EVERY)
    assert uplink.pace_bytes_s is None


def test_two_at_once_share_a_link_and_it_is_still_known() -> None:
    uplink, link = Uplink(), 1e6
    carry(uplink, link, 2)
    for _ in range(20):
        both = [uplink.begin(CHUNK), uplink.begin(CHUNK + 1)]
        pace = uplink.pace_bytes_s
        assert pace is not None
        for body in both:
            uplink.end(body, True)
        for size in (CHUNK, CHUNK + 1):
            uplink.arrived(size, size / (min(link, pace) / 2))
    assert uplink.bytes_s == pytest.approx(link, rel=0.3)


def test_what_nobody_sent_and_what_is_tiny_says_nothing() -> None:
    uplink = Uplink()
    uplink.arrived(CHUNK, 1.0)
    carry(uplink, 1e3, 3, 100)
    assert uplink.bytes_s is None
    broken = uplink.begin(CHUNK)
    uplink.end(broken, False)
    uplink.arrived(CHUNK, 1.0)
    assert uplink.bytes_s is None


def test_the_kernels_counters_lower_the_rate_of_a_long_body_and_never_raise_it() -> None:
    uplink, now = Uplink(), 1.0
    carry(uplink, 4e6, 3)
    uplink.begin(1 << 30)
    acked = deque([0], 1)
    for _ in range(40):
        uplink.look(now, lambda: (acked[0], True))
        now, acked[0] = now + LOOK_S, acked[0] + int(1e6 * LOOK_S)
    assert uplink.bytes_s is not None and 1e6 <= uplink.bytes_s <= 1e6 / (HEADROOM * KEPT_UP)
    before = uplink.bytes_s
    for _ in range(40):
        uplink.look(now, lambda: (acked[0], True))
        now, acked[0] = now + LOOK_S, acked[0] + int(9e6 * LOOK_S)
    assert uplink.bytes_s == before


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="this system does not tell what TCP knows")
def test_the_kernel_tells_what_was_acknowledged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as near:
        far, _ = listener.accept()
        with far:
            before, _ = acknowledged(near)
            near.sendall(bytes(10_000))
            left = 10_000
            while left:
                left -= len(far.recv(left))
            after, _ = acknowledged(near)
            assert after - before == 10_000
    assert acknowledged(near) == (0, False)
