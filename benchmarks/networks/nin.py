"""Network in Network on 32 x 32 images. Source: Lin et al. 2014, arXiv:1312.4400."""

from __future__ import annotations

import torch
from torch import nn

BLOCKS = ((192, 160, 96), (192, 192, 192), (192, 192, 10))  # a window, then two layers of 1 x 1


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    layers: list[nn.Module] = []
    given = 3
    for place, block in enumerate(BLOCKS):
        for turn, channels in enumerate(block):
            made = channels if channels == 10 else max(4, round(channels * width))
            window = (5, 5, 3)[place] if turn == 0 else 1
            layers += [nn.Conv2d(given, made, window, padding=window // 2), nn.ReLU(inplace=True)]
            given = made
        if place < 2:
            layers += [nn.MaxPool2d(3, 2, padding=1) if place == 0 else nn.AvgPool2d(3, 2, padding=1), nn.Dropout()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    return (torch.rand(1, 3, 32, 32),)
