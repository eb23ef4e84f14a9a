"""An ONNX Runtime session the way ganglion wants it: one thread that does not spin, and weights from memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as states

from ...core.errors import Corrupt
from .stored import stored_names

# What ONNX Runtime raises when a graph or its weights make no sense; they share no class of their own.
REFUSALS: tuple[type[BaseException], ...] = (
    states.Fail,
    states.InvalidArgument,
    states.InvalidGraph,
    states.InvalidProtobuf,
    states.NoSuchFile,
    states.NotImplemented,
    states.RuntimeException,
    RuntimeError,
    ValueError,
)

# Rewrites of ONNX Runtime that are left out. The first changes answers: it moves a pad of zeros into a max-pool, whose
# own pad is the least number there is, so windows of negative values at an edge give another maximum (seen in 1.31).
# The second multiplies a product of matrices by what its operands were to be multiplied by, and so rounds otherwise
# than parts that a cut between the two leaves: attention scales queries and keys. What it saves is two small products.
LEFT_OUT = ("Pad_Fusion", "MatMulScaleFusion")

NONE, EXACT, FUSED = "none", "exact", "fused"  # how far a graph is rewritten before it runs
LEVELS = {
    NONE: ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    EXACT: ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,  # what does not change the order of sums
    FUSED: ort.GraphOptimizationLevel.ORT_ENABLE_ALL,  # operations are joined, which rounds otherwise; the fastest
}


@dataclass(frozen=True, eq=False)
class Opened:
    """A session, and the weights it reads where they lie: they must live as long as it does."""

    session: Any
    weights: tuple[Any, ...]


def open_session(graph: bytes, arrays: Mapping[str, NDArray[np.generic]], level: str = FUSED) -> Opened:
    """A session over a graph whose outside weights are taken from `arrays`. Raises Corrupt when they do not fit."""
    options = ort.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.x64quantprecision", "1")  # no int8 saturation on CPUs without VNNI
    names = stored_names(graph)
    missing = [name for name in names if name not in arrays]
    if missing:
        raise Corrupt(f"a graph wants the weights {missing}, which its release does not hold; fetch the release again")
    weights = tuple(ort.OrtValue.ortvalue_from_numpy(arrays[name]) for name in names)
    try:
        if names:
            options.add_external_initializers(names, list(weights))
        session = ort.InferenceSession(
            graph, options, providers=["CPUExecutionProvider"], disabled_optimizers=list(LEFT_OUT)
        )
        return Opened(session, weights)
    except REFUSALS as error:
        raise Corrupt(f"a graph of {len(graph)} bytes cannot be loaded: {error}; fetch the release again") from error
