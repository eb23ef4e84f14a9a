"""Make a model small: each pass is a method that asks an engine and judges what comes back."""

from __future__ import annotations

from .quantize import Quantize, Quantized

__all__ = ["Quantize", "Quantized"]
