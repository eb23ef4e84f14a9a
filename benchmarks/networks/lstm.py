"""Two LSTM layers over rows of 40 features, as a keyword spotter has. Source: Hochreiter & Schmidhuber 1997."""

from __future__ import annotations

import torch
from torch import nn


class Recurrent(nn.Module):
    """The last state's class, and every step's."""

    def __init__(self, width: float) -> None:
        super().__init__()
        hidden = max(8, round(128 * width))
        self.near = nn.LSTM(40, hidden, batch_first=True)
        self.far = nn.LSTM(hidden, hidden, batch_first=True)
        self.every, self.last = nn.Linear(hidden, 12), nn.Linear(2 * hidden, 12)

    def forward(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        steps, (state, cell) = self.near(rows)
        steps, (state, _) = self.far(steps, (state, cell))
        return self.last(torch.cat([state[0], cell[0]], 1)), self.every(steps)


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the states."""
    return Recurrent(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One second of sound, narrow: a fifth."""
    return (torch.rand(1, 100 if width >= 1 else 20, 40),)
