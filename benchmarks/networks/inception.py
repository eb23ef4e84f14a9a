"""An Inception-like network on 224 x 224 images, 64 x 64 when it is narrow.

Source: Szegedy et al. 2015, arXiv:1409.4842.
"""

from __future__ import annotations

import torch
from torch import nn

MODULES = (  # 1 x 1, before 3 x 3, 3 x 3, before 5 x 5, 5 x 5, behind the pool
    (64, 96, 128, 16, 32, 32),
    (128, 128, 192, 32, 96, 64),
    (192, 96, 208, 16, 48, 64),
    (256, 160, 320, 32, 128, 128),
)


def layer(given: int, made: int, window: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its ReLU."""
    return nn.Sequential(nn.Conv2d(given, made, window, stride, window // 2), nn.ReLU(inplace=True))


class Inception(nn.Module):
    """Four ways side by side."""

    def __init__(self, given: int, sizes: tuple[int, ...]) -> None:
        super().__init__()
        one, near, three, far, five, pooled = sizes
        self.ways = nn.ModuleList(
            [
                layer(given, one, 1),
                nn.Sequential(layer(given, near, 1), layer(near, three, 3)),
                nn.Sequential(layer(given, far, 1), layer(far, five, 5)),
                nn.Sequential(nn.MaxPool2d(3, 1, 1), layer(given, pooled, 1)),
            ]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([way(x) for way in self.ways], 1)


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""

    def wide(channels: int) -> int:
        return max(2, round(channels * width))

    layers: list[nn.Module] = [layer(3, wide(64), 7, 2), nn.MaxPool2d(3, 2, 1), layer(wide(64), wide(192), 3)]
    given = wide(192)
    for place, sizes in enumerate(MODULES):
        made = tuple(wide(one) for one in sizes)
        if place % 2 == 0:
            layers.append(nn.MaxPool2d(3, 2, 1))
        layers.append(Inception(given, made))
        given = made[0] + made[2] + made[4] + made[5]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.4), nn.Linear(given, wide(1000)))


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 224 if width >= 1 else 64
    return (torch.rand(1, 3, side, side),)
