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
    """Exits from the quickest to the deepest."""

    exits: tuple[Exit, ...]

    @staticmethod
    def of(source: Source) -> Local:
        """Opens and times every exit on the model's example: a model with one result has one exit, all of it."""
        found = []
        for kernel, result in zip(source.model.outputs, source.graph.outputs, strict=True):
            part = OpenPart(source.cut(up_to(source.model, kernel), 2)[0], source.weights)
            found.append(Exit(result, part, min(_seconds(part, source.example) for _ in range(WARM))))
        return Local(tuple(sorted(found, key=lambda exit: exit.seconds)))

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
