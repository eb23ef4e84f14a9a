"""Which plans there are: every lay-out of stages over the zones, and every way to set their thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..core.label import Zone
from ..core.plan import ALWAYS, NEVER, Stage
from .problem import Problem

Shape = tuple[tuple[Zone, int, int], ...]  # zone, first and past-the-last segment of each stage


def shapes(problem: Problem, begun: Shape = ()) -> Iterator[Shape]:
    """Stages in some of the zones, from near to far, each reaching farther into the model than the one before.

    A stage begins where the one before ended, or anew from the raw sample while that is still at hand.
    """
    if begun:
        yield begun
    zone, done = (int(begun[-1][0]) + 1, begun[-1][2]) if begun else (0, 0)
    raw = all(first == 0 for _, first, _ in begun)
    for where in list(Zone)[zone:]:
        for first in sorted({done, 0} if raw else {done}):
            for last in range(done + 1, len(problem.model.exits) + 1):
                if problem.fits(where, first, last):
                    yield from shapes(problem, (*begun, (where, first, last)))


def settings(shape: Shape, grid: tuple[float, ...]) -> Iterator[tuple[Stage, ...]]:
    """The shape with every choice of exits and thresholds; the last stage answers from its last exit.

    An exit that ran in a nearer stage already is not asked again. In each stage either its last exit alone or all new
    ones may answer, by one threshold.
    """
    done, choices = 0, []
    for place, (zone, first, last) in enumerate(shape):
        end = place == len(shape) - 1
        old, new = done - first, last - done  # exits in this stage that a nearer one has asked, and has not
        ways = [(ALWAYS, 1)] if end else [(t, many) for t in grid for many in ({1, new} if t < NEVER else {1})]
        choices.append([Stage(zone, first, last, (NEVER,) * (old + new - many) + (t,) * many) for t, many in ways])
        done = last
    yield from product(*choices)
