"""The bulk lane of the side that cannot dial: answers questions that came over HTTP, and keeps mail to be fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ...core.errors import Unreachable
from ...core.ports import Parcel, Tell
from ...core.process import Lane
from .limits import Settings
from .transfer import answers
from .waiting import Counts, Queue, Waiting


@dataclass(eq=False)
class Question:
    """A Pull or Push whose HTTP request waits."""

    body: Any
    answer: asyncio.Future[tuple[Parcel, Tell]]


class Desk:
    """One child's bulk lane."""

    def __init__(self, settings: Settings, counts: Counts, ring: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self._questions: list[Question] = []
        self._mail = Queue(Lane.BULK, loop, settings.queue_bytes + settings.bulk_bytes, counts, _nothing)
        self._ring = ring  # tells the child that mail waits

    def send(self, parcel: Parcel, tell: Tell) -> None:
        """Answers the question that this parcel answers; any other parcel is mail. Raises ProtocolError."""
        for question in self._questions:
            if answers(question.body, parcel.body) and not question.answer.done():
                question.answer.set_result((parcel, tell))
                return
        size = sum(array.nbytes for _, array in parcel.attached)
        self._mail.add(parcel, tell, size)
        self._ring()

    def cancel(self, name: str) -> None:
        """Forgets mail of that name."""
        self._mail.cancel(name)

    def broken(self, why: str) -> None:
        """The child is gone: its mail is lost, and nobody waits for answers."""
        self._mail.clear(why)
        for question in self._questions:
            if not question.answer.done():
                question.answer.set_exception(Unreachable(why))
        self._questions.clear()

    def fetch(self) -> Waiting | None:
        """The next mail, if any."""
        return self._mail.pop() if self._mail else None

    async def ask(self, body: Any, deliver: Callable[[], None], wait_s: float) -> tuple[Parcel, Tell]:
        """Lets the node hear a question and waits for its answer. Raises TimeoutError, Unreachable."""
        question = Question(body, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        try:
            async with asyncio.timeout(wait_s):
                deliver()
                return await question.answer
        finally:
            if question in self._questions:
                self._questions.remove(question)


def _nothing() -> None:
    """Mail that ran out of time blocks nobody."""
