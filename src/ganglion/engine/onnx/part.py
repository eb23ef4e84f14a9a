"""What one place runs of a cut model, and how it runs it: ONNX Runtime and numpy, without torch or the onnx package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...core.errors import ProtocolError
from .session import FUSED, REFUSALS, Opened, open_session
from .stored import stored_names

Weights = Mapping[str, NDArray[np.generic]]  # by digest


@dataclass(frozen=True)
class Part:
    """A graph without weights, and the names of what it reads, makes and sends.

    The graph calls its weights by their digests, so a node that holds some needs only those it lacks.
    """

    graph: bytes  # empty where the place computes nothing
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sends: tuple[str, ...]  # over the link to the next place, in the model's order

    @property
    def weights(self) -> tuple[str, ...]:
        """Digests of the weights that its graph wants."""
        return tuple(stored_names(self.graph))


class OpenPart:
    """A part that runs; `weights` are by digest and must live as long as it does."""

    def __init__(self, part: Part, weights: Weights, level: str = FUSED) -> None:
        self.inputs, self.outputs, self.sends = part.inputs, part.outputs, part.sends
        self._opened: Opened | None = open_session(part.graph, weights, level) if part.graph else None
        self._names = list(part.outputs)

    def __call__(self, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The part's outputs by name. Raises ProtocolError for tensors that the graph cannot take."""
        if self._opened is None:
            return {}
        feeds = {name: np.asarray(given[name], order="C") for name in self.inputs}
        try:
            found: list[NDArray[Any]] = self._opened.session.run(self._names, feeds)
        except REFUSALS as error:
            shapes = ", ".join(f"{name} {array.dtype}{list(array.shape)}" for name, array in feeds.items())
            raise ProtocolError(f"a part of a model cannot take {shapes}: {error}") from error
        return dict(zip(self.outputs, found, strict=True))
