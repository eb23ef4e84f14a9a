"""LeNet-5 on 28 x 28 images of one channel. Source: LeCun et al. 1998."""

from __future__ import annotations

import torch
from torch import nn


class LeNet(nn.Module):
    """Two convolutions and three dense layers."""

    def __init__(self, width: float) -> None:
        super().__init__()
        a, b = max(2, round(6 * width)), max(2, round(16 * width))
        c, d = max(4, round(120 * width)), max(4, round(84 * width))
        self.features = nn.Sequential(
            nn.Conv2d(1, a, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(a, b, 5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.dense = nn.Sequential(
            nn.Linear(25 * b, c), nn.ReLU(inplace=True), nn.Linear(c, d), nn.ReLU(inplace=True), nn.Linear(d, 10)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dense(self.features(image).flatten(1))
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return LeNet(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    return (torch.rand(1, 1, 28, 28),)
