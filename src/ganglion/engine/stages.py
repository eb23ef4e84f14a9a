"""All places of a cut model in one process: each sees its own part and what was sent over the link before it.

It does not know what computes a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..core.errors import ProtocolError


class Place(Protocol):
    """What one place runs."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors its part reads."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """Tensors its part makes that are sent on, or are results."""

    @property
    def sends(self) -> tuple[str, ...]:
        """Tensors on the link to the next place: its own, and those that only pass through."""

    def __call__(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs by name, from the inputs by name."""


@dataclass(frozen=True, eq=False)
class Ran:
    """What came of one run."""

    outputs: dict[str, Any]  # the model's results by name
    crossed: tuple[dict[str, Any], ...]  # per link, what went over it


@dataclass(frozen=True, eq=False)
class Stages:
    """Places from the input on, one after the other."""

    places: Sequence[Place]
    results: tuple[str, ...]  # names of the model's results, wherever they are made

    def __call__(self, inputs: Mapping[str, Any]) -> Ran:
        """Runs a batch through. Raises ProtocolError for an input or a tensor that is not there."""
        held: dict[str, Any] = dict(inputs)
        made: dict[str, Any] = {}
        crossed: list[dict[str, Any]] = []
        for number, place in enumerate(self.places):
            outputs = place(_take(held, place.inputs, number))
            made |= {name: outputs[name] for name in self.results if name in outputs}
            held = _take(held | outputs, place.sends, number)
            crossed.append(held)
        return Ran(_take(made, self.results, len(self.places) - 1), tuple(crossed[:-1]))


def _take(held: Mapping[str, Any], names: Sequence[str], number: int) -> dict[str, Any]:
    missing = [name for name in names if name not in held]
    if missing:
        raise ProtocolError(
            f"place {number} has no {', '.join(missing)}, it holds {sorted(held)}; give every input of the model by "
            "its name, and parts of one and the same cut"
        )
    return {name: held[name] for name in names}
