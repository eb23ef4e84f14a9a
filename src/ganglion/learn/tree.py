"""One sum, whoever adds which part of it: a tree over places in line, fixed by how many there are.

The left branch of n places holds the largest power of two below n, so every run of places is made of whole branches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")
Span = tuple[int, int]  # places [first, past the last)
Add = Callable[[T, T], T]


def split(span: Span) -> tuple[Span, Span]:
    """The two branches below one of more than a single place.

    >>> split((0, 10)), split((8, 11))
    (((0, 8), (8, 10)), ((8, 10), (10, 11)))
    """
    first, end = span
    left = 1 << (end - first - 1).bit_length() - 1
    return (first, first + left), (first + left, end)


def branches(run: Span, total: int) -> Iterator[Span]:
    """The largest whole branches of a tree over `total` places that make up a run of them, in order."""
    waiting = [(0, total)]
    while waiting:
        span = waiting.pop()
        if run[0] <= span[0] and span[1] <= run[1]:
            yield span
        elif span[0] < run[1] and run[0] < span[1]:
            waiting += reversed(split(span))


def partial(run: Span, total: int, terms: Iterable[T], add: Add[T]) -> dict[Span, T]:
    """Sums of the whole branches in a run; `terms` are its places in order, and are read one at a time."""
    given = iter(terms)

    def summed(span: Span) -> T:
        if span[1] - span[0] == 1:
            return next(given)
        near, far = split(span)
        first = summed(near)
        return add(first, summed(far))

    return {span: summed(span) for span in branches(run, total)}


def whole(parts: Mapping[Span, T], total: int, add: Add[T]) -> T:
    """The sum over all places, from sums of branches that cover each once.

    Raises ValueError where one is missing or there are no places.
    """

    def summed(span: Span) -> T:
        if span in parts:
            return parts[span]
        if span[1] - span[0] <= 1:
            raise ValueError(f"place {span[0]} of {total} is in no part of the sum; wait for it")
        near, far = split(span)
        return add(summed(near), summed(far))

    if total < 1:
        raise ValueError("a sum over no update has no layout; wait for one or end the round")
    return summed((0, total))
