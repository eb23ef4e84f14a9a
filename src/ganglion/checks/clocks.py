"""What every Clock must do, simulated or real. Each check takes a way to make one and raises AssertionError."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from ..core.ports import Clock


@dataclass(frozen=True)
class Case:
    """A clock and its world."""

    clock: Clock
    rest: Callable[[float], None]  # lets so many of the clock's seconds pass, or a little more


Make = Callable[[], Case]


def time_never_goes_back(make: Make) -> None:
    """now_s grows by at least what passed."""
    case = make()
    before_s = case.clock.now_s()
    case.rest(0.01)
    between_s = case.clock.now_s()
    case.rest(0.01)
    assert between_s >= before_s + 0.009 and case.clock.now_s() >= between_s + 0.009


def wakes_ring_in_order_and_never_early(make: Make) -> None:
    """In order of time; at one time in the order asked; each once; none before its time."""
    case, rung = make(), list[tuple[float, int]]()
    start_s = case.clock.now_s()
    due = [0.03, 0.01, 0.02, 0.01, 0.0104, 0.0101, 0.02]

    def ring(number: int) -> None:
        assert case.clock.now_s() >= start_s + due[number], "a wake rang early"
        rung.append((due[number], number))

    for number, after_s in enumerate(due):
        case.clock.wake(start_s + after_s, partial(ring, number))
    case.rest(0.1)
    assert rung == sorted((after_s, number) for number, after_s in enumerate(due)), rung


def a_past_time_rings_soon(make: Make) -> None:
    """Also when asked while another rings, and again and again: other wakes still get their turn."""
    case, rung = make(), list[str]()

    def again() -> None:
        rung.append("again")
        if len(rung) < 50:
            case.clock.wake(case.clock.now_s() - 1.0, again)

    case.clock.wake(case.clock.now_s() - 5.0, again)
    case.clock.wake(case.clock.now_s() + 0.005, lambda: rung.append("other"))
    case.rest(0.1)
    assert rung.count("again") >= 49 and rung.count("other") == 1, rung


def a_far_wake_does_not_ring(make: Make) -> None:
    """Not even one that never comes; and nearer ones asked later ring before it."""
    case, rung = make(), list[str]()
    case.clock.wake(float("inf"), lambda: rung.append("never"))
    case.clock.wake(case.clock.now_s() + 1e9, lambda: rung.append("far"))
    case.clock.wake(case.clock.now_s() + 0.005, lambda: rung.append("near"))
    case.rest(0.05)
    assert rung == ["near"], rung


CHECKS: tuple[Callable[[Make], None], ...] = (
    time_never_goes_back,
    wakes_ring_in_order_and_never_early,
    a_past_time_rings_soon,
    a_far_wake_does_not_ring,
)
