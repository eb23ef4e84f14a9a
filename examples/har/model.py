"""Two LSTMs on top of each other: a phone holds the first with its exit, the site's edge the second."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Recurrent(nn.Module):
    """Logits after each LSTM, from the state after the last reading."""

    def __init__(self) -> None:
        super().__init__()
        self.near = nn.LSTM(6, 16, batch_first=True)
        self.near_exit = nn.Linear(16, 5)
        self.far = nn.LSTM(16, 48, batch_first=True)
        self.far_exit = nn.Linear(48, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both exits, [n, 5] each, for readings [n, steps, 6]."""
        near, _ = self.near(x)
        far, _ = self.far(near)
        return self.near_exit(near[:, -1]), self.far_exit(far[:, -1])


def build() -> torch.nn.Module:
    """A new model."""
    return Recurrent()
