"""Two sensors, late fusion: a camera's and a spectrogram's tower, joined in dense layers; two inputs, two outputs."""

from __future__ import annotations

import torch
from torch import nn


def tower(given: int, width: float) -> nn.Sequential:
    """Three convolutions, each at half the size, down to 64 features at full width."""
    layers: list[nn.Module] = []
    for channels in (32, 64, 64):
        made = max(4, round(channels * width))
        layers += [nn.Conv2d(given, made, 3, 2, 1), nn.ReLU(inplace=True)]
        given = made
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten())


class TwoTower(nn.Module):
    """What there is, and whether the two sensors agree."""

    def __init__(self, width: float) -> None:
        super().__init__()
        features = 4 * max(4, round(64 * width))
        self.see, self.hear = tower(3, width), tower(1, width)
        self.join = nn.Sequential(nn.Linear(2 * features, features), nn.ReLU(inplace=True))
        self.what, self.agree = nn.Linear(features, 10), nn.Linear(features, 1)

    def forward(self, image: torch.Tensor, sound: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joined = self.join(torch.cat([self.see(image), self.hear(sound)], 1))
        return self.what(joined), torch.sigmoid(self.agree(joined))


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return TwoTower(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image and one spectrogram."""
    side = 128 if width >= 1 else 32
    return torch.rand(1, 3, side, side), torch.rand(1, 1, side, side // 2)
