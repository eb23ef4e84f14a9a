"""Training and export by PyTorch; the only folder that imports it."""

from __future__ import annotations

from .capture import capture
from .engine import TorchEngine

__all__ = ["TorchEngine", "capture"]
