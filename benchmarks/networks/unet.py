"""A U-Net on 256 x 256 images, 32 x 32 when it is narrow: shortcuts as long as the network.

Source: Ronneberger et al. 2015, arXiv:1505.04597.
"""

from __future__ import annotations

import torch
from torch import nn


def double(given: int, made: int) -> nn.Sequential:
    """Two convolutions with their statistics."""
    layers: list[nn.Module] = []
    for first in (given, made):
        layers += [nn.Conv2d(first, made, 3, padding=1, bias=False), nn.BatchNorm2d(made), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Down four levels and up again; each level's features skip to the other side."""

    def __init__(self, width: float) -> None:
        super().__init__()
        sizes = [max(4, round(channels * width)) for channels in (32, 64, 128, 256)]
        self.down = nn.ModuleList(double(given, made) for given, made in zip([3, *sizes], sizes, strict=False))
        self.rise = nn.ModuleList(
            nn.ConvTranspose2d(given, made, 2, 2) for given, made in zip(sizes[:0:-1], sizes[-2::-1], strict=True)
        )
        self.up = nn.ModuleList(double(2 * made, made) for made in sizes[-2::-1])
        self.out = nn.Conv2d(sizes[0], 5, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        skipped = []
        x = image
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
            skipped.append(x)
        for rise, block, kept in zip(self.rise, self.up, skipped[-2::-1], strict=True):
            x = block(torch.cat([kept, rise(x)], 1))
        out: torch.Tensor = self.out(x)
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return UNet(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 256 if width >= 1 else 32
    return (torch.rand(1, 3, side, side),)
