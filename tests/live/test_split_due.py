"""One timer for many requests: who is dropped is never late, who is late is told once, in any order of times."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ganglion.live.split.awake import Awake
from ganglion.live.split.due import Due


class Loop(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves: timers fire in order when the time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s

    def until(self, at_s: float) -> None:
        """Lets the time come, in small steps."""
        while self.now_s < at_s:
            self.now_s = min(self.now_s + 0.5, at_s)
            self.call_soon(self.stop)
            self.run_forever()


def with_loop(test: Callable[[Loop], None]) -> None:
    """Runs on a loop of its own."""
    loop = Loop()
    try:
        test(loop)
    finally:
        loop.close()


@given(st.lists(st.tuples(st.integers(1, 20), st.booleans()), min_size=1, max_size=20))
def test_each_is_late_once_at_its_time_unless_it_was_dropped(plan: list[tuple[int, bool]]) -> None:
    def test(loop: Loop) -> None:
        late: list[tuple[int, float]] = []
        due = Due(loop, lambda number: late.append((number, loop.now_s)))
        for number, (at_s, _) in enumerate(plan):
            due.add(number, float(at_s))
        for number, (_, stays) in enumerate(plan):
            if not stays:
                due.drop(number)
        assert len(due) == sum(stays for _, stays in plan)
        loop.until(25.0)
        assert sorted(number for number, _ in late) == [number for number, (_, stays) in enumerate(plan) if stays]
        assert all(plan[number][0] <= at_s <= plan[number][0] + 1.0 for number, at_s in late)
        assert not len(due)

    with_loop(test)


def test_nobody_is_late_after_it_was_closed() -> None:
    def test(loop: Loop) -> None:
        late: list[int] = []
        due = Due(loop, late.append)
        due.add(1, 2.0)
        due.close()
        loop.until(5.0)
        assert not late
        due.add(2, 6.0)
        loop.until(8.0)
        assert late == [2]

    with_loop(test)


def test_a_loop_stays_awake_only_while_answers_come_at_once() -> None:
    def test(loop: Loop) -> None:
        now_s = 100.0
        awake = Awake(loop, 0.002, lambda: now_s)

        def stays() -> bool:
            loop.call_soon(loop.stop)
            loop.run_forever()
            return bool(loop._ready)  # type: ignore[attr-defined]  # what the loop would not sleep for

        def exchange(answer_s: float) -> None:
            nonlocal now_s
            awake.sent()
            now_s += answer_s
            stays()
            awake.heard()

        awake.sent()
        assert stays()
        now_s += 0.001
        assert stays()
        awake.heard()
        assert not stays()  # the answer is here
        awake.sent()
        now_s += 0.003
        assert not stays()  # the window is over
        awake.heard()
        for _ in range(20):
            exchange(0.005)
        awake.sent()
        assert not stays()
        for _ in range(20):
            exchange(0.0005)
        awake.sent()
        assert stays()
        never = Awake(loop, 0.0, lambda: now_s)
        now_s += 1.0
        stays()
        never.sent()
        assert not stays()

    with_loop(test)
