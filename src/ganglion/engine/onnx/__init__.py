"""Stages on any CPU by ONNX Runtime: `runner` needs neither torch nor onnx, the rest makes the graphs."""

from __future__ import annotations

from .runner import OnnxRunner

__all__ = ["OnnxRunner"]
