"""Stages on any CPU by ONNX Runtime: `runner` and `timing` need neither torch nor onnx, the rest makes the graphs."""

from __future__ import annotations

from .runner import OnnxRunner
from .timing import time_stage

__all__ = ["OnnxRunner", "time_stage"]
