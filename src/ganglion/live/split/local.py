"""Answering without the places beyond: every exit of the model as this place alone runs it, and how long it takes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from ...engine.onnx.part import OpenPart
from ...watch import local_exit
from .shares import Source, up_to

Arrays = Mapping[str, NDArray[Any]]
WARM = 3  # runs before an exit's time is believed


@dataclass(frozen=True, eq=False)
class Exit:
    """One result of the model, and all that it needs, at this place."""

    name: str
    part: OpenPart
    seconds: float


@dataclass(frozen=True, eq=False)
class Local:
    """Exits from the least deep to the deepest, whose seconds never fall."""

    exits: tuple[Exit, ...]

    @staticmethod
    def of(source: Source) -> Local:
        """Opens and times every exit on the model's example: a model with one result has one exit, all of it.

        How deep one is, its kernels tell; a deeper one that was measured as quicker counts as no quicker.
        """
        cuts = [up_to(source.model, kernel) for kernel in source.model.outputs]
        found: list[Exit] = []
        for cut, result in sorted(zip(cuts, source.graph.outputs, strict=True), key=lambda one: one[0].places.count(0)):
            part = OpenPart(source.cut(cut, 2)[0], source.weights)
            seconds = min(_seconds(part, source.example) for _ in range(WARM))
            found.append(Exit(result, part, max(seconds, found[-1].seconds if found else 0.0)))
        return Local(tuple(found))

    def deepest(self, left_s: float) -> Exit | None:
        """The deepest exit that can be reached in the time left."""
        at = local_exit([exit.seconds for exit in self.exits], left_s)
        return None if at < 0 else self.exits[at]

    def reserve_s(self, deadline_s: float) -> float:
        """How long before its deadline a request is answered here at the latest, so that a good exit is reached."""
        exit = self.deepest(deadline_s / 2) or self.exits[0]
        return 1.25 * exit.seconds


def _seconds(part: OpenPart, example: Arrays) -> float:
    began_s = time.perf_counter()
    part({name: example[name] for name in part.inputs})
    return time.perf_counter() - began_s
