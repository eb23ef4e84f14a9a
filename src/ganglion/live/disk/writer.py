"""Group commit: one thread that writes what has queued while it was writing, in order, and tells only then.

An idle disk is written to at once. Nothing is awaited to fill a batch: the slower the disk syncs, the more has queued.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from ...core.errors import GanglionError
from ...core.ports import Change
from .space import WriteFailed

BATCH_CHANGES = 4096  # a batch takes no further transaction once it has so many: a slow disk must sync seldom
TOLD = 256  # transactions whose end is told in one turn of the loop, lest others wait
AGAIN_S = 0.2  # after a failed write

Call = Callable[[], None]


class GroupWriter:
    """Takes transactions from any thread. `write` raises WriteFailed to be asked again with the same batch."""

    def __init__(
        self,
        write: Callable[[Sequence[Sequence[Change]]], None],
        call_soon: Callable[[Call], None],
        failed: Callable[[str], None],
    ) -> None:
        self._write = write
        self._call_soon = call_soon
        self._failed = failed
        self._queue: deque[tuple[Sequence[Change], Call]] = deque()
        self._more = threading.Condition()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ganglion-disk", daemon=True)
        self._thread.start()

    def add(self, changes: Sequence[Change], tell: Call) -> None:
        """Queues a transaction."""
        with self._more:
            if self._closing.is_set():
                raise GanglionError("this disk is closed; nothing can be committed any more")
            self._queue.append((changes, tell))
            self._more.notify()

    @property
    def waiting(self) -> int:
        """Transactions that no batch has taken up yet."""
        return len(self._queue)

    def close(self, timeout_s: float) -> bool:
        """Writes what has queued, then ends; a full disk is tried once more. Whether the thread has ended in time."""
        with self._more:
            self._closing.set()
            self._more.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while batch := self._take():
            if not self._settle([changes for changes, _ in batch]):
                return
            self._on_loop(partial(self._tell, deque(tell for _, tell in batch)))

    def _tell(self, waiting: deque[Call]) -> None:
        """A batch, many in a turn of the loop; one who raises does not keep the others from hearing."""
        try:
            for _ in range(min(TOLD, len(waiting))):
                waiting.popleft()()
        finally:
            if waiting:
                self._on_loop(partial(self._tell, waiting))

    def _take(self) -> list[tuple[Sequence[Change], Call]]:
        with self._more:
            self._more.wait_for(lambda: bool(self._queue) or self._closing.is_set())
            batch, size = [], 0
            while self._queue and size < BATCH_CHANGES:
                batch.append(self._queue.popleft())
                size += len(batch[-1][0])
            return batch

    def _settle(self, transactions: Sequence[Sequence[Change]]) -> bool:
        """Writes a batch, as often as it takes; that it fails is told once."""
        told = False
        while True:
            closing = self._closing.is_set()
            try:
                self._write(transactions)
                return True
            except WriteFailed as error:
                if not told:
                    self._on_loop(partial(self._failed, f"{error}; it is kept in memory and tried again"))
                told = True
            if closing:
                return False
            self._closing.wait(AGAIN_S)

    def _on_loop(self, call: Call) -> None:
        with suppress(RuntimeError):  # the loop has been closed: the node is gone, and its rows are safe
            self._call_soon(call)
