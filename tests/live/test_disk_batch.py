"""A batch writes only what lasts, and what lasts is the same as if everything had been written in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Event

from hypothesis import given, settings
from hypothesis import strategies as st

from ganglion.core.ports import Change, Drop, Put
from ganglion.live.disk.rows import Rows, lasting
from ganglion.live.disk.writer import GroupWriter

CHANGES = st.one_of(
    st.builds(Put, st.sampled_from("ab"), st.sampled_from("xyz"), st.binary(max_size=2), st.booleans()),
    st.builds(Drop, st.sampled_from("ab"), st.sampled_from("xyz")),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(CHANGES, max_size=4), max_size=12))
def test_a_batch_leaves_what_its_transactions_would_have_left(transactions: list[list[Change]]) -> None:
    with TemporaryDirectory() as name:
        together, apart = Rows(Path(name) / "together.db"), Rows(Path(name) / "apart.db")
        together.apply(transactions)
        for changes in transactions:
            for change in changes:
                apart.apply([[change]])
        assert together.everything() == apart.everything()
        together.close()
        apart.close()


def test_of_many_cursors_and_an_ended_journal_little_is_written() -> None:
    cursors: list[Change] = [Put("cursor", "edge-1", str(number).encode(), replace=True) for number in range(50)]
    journal: list[Change] = [Put("journal", "Sink/", b"entry") for _ in range(50)]
    ended: list[Change] = [Drop("journal", "Sink/"), Put("journal", "Sink/", b"snapshot")]
    assert list(lasting([*cursors, *journal, *ended])) == [cursors[-1], *ended]


def test_one_who_raises_keeps_nobody_else_from_hearing_that_a_batch_is_written() -> None:
    calls, heard, full = Queue[Callable[[], None]](), list[int](), Event()

    def write(batch: Sequence[Sequence[Change]]) -> None:
        full.wait(10.0)  # until all have queued

    def tell(number: int) -> None:
        heard.append(number)
        if number == 2:
            raise ValueError("two")

    writer = GroupWriter(write, calls.put, lambda why: None)
    for number in range(5):
        writer.add([Put("a", "x", b"")], partial(tell, number))
    full.set()
    assert writer.close(10.0)
    while not calls.empty():
        with suppress(ValueError):
            calls.get()()
    assert heard == [0, 1, 2, 3, 4]
