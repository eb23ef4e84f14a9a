"""Steps many clients' methods together, so that what they yield reaches the engine as one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..core.compute import Compute, Steps
from ..core.errors import GanglionError

T = TypeVar("T")
AnswerAll = Callable[[Sequence[Compute[Any]]], list[Any]]  # results in order; a GanglionError in the place of a failure


def together(methods: Sequence[Steps[T]], answer_all: AnswerAll) -> list[T | GanglionError]:
    """The result of each method, or what it failed with.

    A failure is raised inside the method that asked, which may still end well.
    """
    found: dict[int, T | GanglionError] = {}
    waiting: dict[int, Any] = dict.fromkeys(range(len(methods)))  # method -> what it is told next
    while waiting:
        asked: dict[int, Compute[Any]] = {}
        for at, answer in waiting.items():
            try:
                failed = isinstance(answer, GanglionError)
                asked[at] = methods[at].throw(answer) if failed else methods[at].send(answer)
            except StopIteration as end:
                found[at] = end.value
            except GanglionError as error:
                found[at] = error
        waiting = dict(zip(asked, answer_all(list(asked.values())), strict=True)) if asked else {}
    return [found[at] for at in range(len(methods))]
