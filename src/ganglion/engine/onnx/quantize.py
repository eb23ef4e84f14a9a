"""Static int8: weights per channel, activations by the range they have on calibration examples, as QDQ pairs.

Source: Jacob et al. 2018, arXiv:1712.05877; the rewriting is ONNX Runtime's.
"""

from __future__ import annotations

import copy
import logging

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnxruntime.quantization import CalibrationMethod, QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from ...core.errors import ConfigError
from .session import open_session

BATCH = 256


def quantize(whole: onnx.ModelProto, x: NDArray[np.float32]) -> onnx.ModelProto:
    """A graph with the same inputs and outputs that computes in int8; `x` [n, ...] sets the ranges."""
    if not len(x):
        raise ConfigError("int8 needs calibration examples for its ranges; give Export some")
    shaped = onnx.shape_inference.infer_shapes(whole)
    floats = _float_values(shaped)
    ranges = TensorsData(CalibrationMethod.MinMax, _ranges(shaped, floats, x))
    log = logging.getLogger()
    level = log.level
    log.setLevel(logging.ERROR)  # the rewriter warns through the root logger about nodes it leaves alone
    try:
        made: onnx.ModelProto = QDQQuantizer(
            shaped,
            per_channel=True,
            reduce_range=False,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QInt8,
            tensors_range=ranges,
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=sorted({*QLinearOpsRegistry, *QDQRegistry}),
            extra_options={},
        ).quantize_model()
    finally:
        log.setLevel(level)
    del made.graph.value_info[:]
    return made


def _float_values(shaped: onnx.ModelProto) -> list[str]:
    values = [*shaped.graph.input, *shaped.graph.value_info, *shaped.graph.output]
    return [value.name for value in values if value.type.tensor_type.elem_type == TensorProto.FLOAT]


def _ranges(
    shaped: onnx.ModelProto, names: list[str], x: NDArray[np.float32]
) -> dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Least and greatest value of each tensor over all examples."""
    loud = copy.deepcopy(shaped)
    given = shaped.graph.input[0].name
    del loud.graph.output[:]
    inner = [name for name in names if name != given]
    loud.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in inner)
    session = open_session(loud.SerializeToString(), {}).session
    low, high = {given: x.min()}, {given: x.max()}
    for start in range(0, len(x), BATCH):
        for name, value in zip(inner, session.run(inner, {given: x[start : start + BATCH]}), strict=True):
            low[name] = min(low.get(name, value.min()), value.min())
            high[name] = max(high.get(name, value.max()), value.max())
    return {name: (np.array(low[name], np.float32), np.array(high[name], np.float32)) for name in low}
