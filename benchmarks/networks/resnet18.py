"""ResNet-18 on 224 x 224 images, 64 x 64 when it is narrow. Source: He et al. 2016, arXiv:1512.03385."""

from __future__ import annotations

import torch
from torch import nn


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, given: int, made: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(given, made, 3, stride, 1, bias=False),
            nn.BatchNorm2d(made),
            nn.ReLU(inplace=True),
            nn.Conv2d(made, made, 3, 1, 1, bias=False),
            nn.BatchNorm2d(made),
        )
        self.shortcut = nn.Sequential()
        if stride != 1 or given != made:
            self.shortcut = nn.Sequential(nn.Conv2d(given, made, 1, stride, bias=False), nn.BatchNorm2d(made))
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.body(x)
        out += self.shortcut(x)
        y: torch.Tensor = self.relu(out)
        return y


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    sizes = [max(4, round(channels * width)) for channels in (64, 128, 256, 512)]
    layers: list[nn.Module] = [
        nn.Conv2d(3, sizes[0], 7, 2, 3, bias=False),
        nn.BatchNorm2d(sizes[0]),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    given = sizes[0]
    for place, made in enumerate(sizes):
        layers += [Block(given, made, 1 if place == 0 else 2), Block(made, made, 1)]
        given = made
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(given, max(10, round(1000 * width))))


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 224 if width >= 1 else 64
    return (torch.rand(1, 3, side, side),)
