"""Runs one exported stage on this machine's CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from ...core.blob import arrays_of_bytes
from ...core.errors import ProtocolError
from .session import REFUSALS, open_session


class OnnxRunner:
    """ONNX Runtime on one thread."""

    name = f"onnxruntime {ort.__version__}"

    def load(self, graph: bytes, stored: bytes) -> Callable[[NDArray[Any]], list[NDArray[Any]]]:
        """A function from the stage's input [batch, ...] to its outputs: probabilities per exit, then the boundary.

        Raises Corrupt for bytes that make no stage; the function raises ProtocolError for an input it cannot take.
        """
        opened = open_session(graph, arrays_of_bytes(stored))
        given = opened.session.get_inputs()[0]
        name, shape = given.name, tuple(given.shape[1:])

        def run(x: NDArray[Any]) -> list[NDArray[Any]]:
            if x.shape[1:] != shape:
                raise ProtocolError(f"this stage takes [batch, {shape}], got {x.shape}; is the sender's release older?")
            try:
                outs: list[NDArray[Any]] = opened.session.run(None, {name: np.ascontiguousarray(x, np.float32)})
            except REFUSALS as error:
                raise ProtocolError(f"a stage cannot take an input of shape {x.shape}: {error}") from error
            return outs

        return run
