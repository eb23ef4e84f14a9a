"""A cut as what each place does: parts one after the other, so that a tensor can go as soon as it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...core.cut import Cut
from ...core.errors import ConfigError
from ...core.model import Model
from ...engine.onnx.part import Part
from .messages import PartForm, Share

MOST_PARTS = 4  # of one place: each is a session, and calling one takes some microseconds


class Source(Protocol):
    """A captured model."""

    @property
    def model(self) -> Model: ...
    @property
    def weights(self) -> Mapping[str, NDArray[np.generic]]: ...
    @property
    def graph(self) -> Any: ...  # its `outputs` name the results
    @property
    def example(self) -> Mapping[str, NDArray[Any]]: ...
    def cut(self, cut: Cut, places: int = 0) -> tuple[Part, ...]: ...


@dataclass(frozen=True, eq=False)
class Shared:
    """Every place's share, and the graphs of all parts in order."""

    shares: tuple[Share, ...]
    graphs: tuple[bytes, ...]


def share_out(source: Source, cut: Cut, codecs: Sequence[str]) -> Shared:
    """Raises ConfigError where the cut is of another model, or has not one codec per link."""
    places = 1 + max(cut.places, default=0)
    if len(codecs) < places - 1:
        raise ConfigError(
            f"a cut over {places} places has {places - 1} links; name a codec for each, got {len(codecs)}"
        )
    fine, first = refined(source.model, cut, places)
    parts = source.cut(fine, first[-1])
    results = tuple(source.graph.outputs)
    mine = [parts[first[place] : first[place + 1]] for place in range(places)]
    made = [tuple(name for part in own for name in part.outputs if name in results) for own in mine]
    shares, graphs = [], []
    expects: tuple[str, ...] = source.model.inputs
    for place, own in enumerate(mine):
        sends = own[-1].sends
        awaits = tuple(name for later in made[place + 1 :] for name in later)
        run = [part for part in own if part.graph]
        forms = tuple(PartForm(part.inputs, part.outputs) for part in run)
        shares.append(Share(forms, expects, sends, made[place], awaits, codecs[place] if place < places - 1 else "raw"))
        graphs += [part.graph for part in run]
        expects = sends
    return Shared(tuple(shares), tuple(graphs))


def refined(model: Model, cut: Cut, places: int) -> tuple[Cut, list[int]]:
    """A cut over more places: each place's kernels in steps, one per tensor that it sends or returns, and the rest.

    Also, per place, the number of its first step; the last number is how many steps there are.
    """
    cut.check(model)
    at = cut.of(model)
    before: dict[str, set[str]] = {}
    for kernel in model.kernels:
        before[kernel.name] = {kernel.name}.union(*(before[name] for name in kernel.inputs if name in before))
    steps: dict[str, int] = {}
    first = [0]
    for place in range(places):
        wanted = {*cut.crossing(model, place), *(model.outputs or model.exits)}
        own = [kernel.name for kernel in model.kernels if at[kernel.name] == place]
        ends = [name for name in own if name in wanted][:-1][: MOST_PARTS - 1]  # the last one ends with the rest
        begun = first[-1]
        for number, end in enumerate(ends):
            for name in before[end]:
                if at[name] == place:
                    steps.setdefault(name, begun + number)
        for name in own:
            steps.setdefault(name, begun + len(ends))
        first.append(begun + len(ends) + 1)
    return Cut(tuple(steps[kernel.name] for kernel in model.kernels), cut.model), first


def up_to(model: Model, result: str) -> Cut:
    """Everything that one result needs at place 0, the rest at place 1."""
    needed = {result}
    for kernel in reversed(model.kernels):
        if kernel.name in needed:
            needed.update(kernel.inputs)
    return Cut(tuple(0 if kernel.name in needed else 1 for kernel in model.kernels), model.weights)
