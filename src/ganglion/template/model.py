"""The model: `build()` makes it with fresh weights. Only machines that train need torch, and only they read this file.

`forward` gives one tensor of logits, or several, nearest exit first; the model may be cut after each exit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Net(nn.Module):
    """Two layers answer what is easy; two more take what is left."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.Sequential(nn.Linear(30, 16), nn.ReLU())
        self.near_exit = nn.Linear(16, 2)
        self.far = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.far_exit = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both exits, [n, 2] each, for measurements [n, 30]."""
        near = self.near(x)
        return self.near_exit(near), self.far_exit(self.far(near))


def build() -> torch.nn.Module:
    """A new model."""
    return Net()
