"""VGG-16 on 224 x 224 images, 64 x 64 when it is narrow. Source: Simonyan & Zisserman 2015, arXiv:1409.1556."""

from __future__ import annotations

import torch
from torch import nn

BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class Vgg(nn.Module):
    """Thirteen convolutions of 3 x 3 in five blocks, and three dense layers."""

    def __init__(self, width: float, side: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        given = 3
        for block in BLOCKS:
            for channels in block:
                made = max(4, round(channels * width))
                layers += [nn.Conv2d(given, made, 3, padding=1), nn.ReLU(inplace=True)]
                given = made
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        dense = max(8, round(4096 * width))
        self.dense = nn.Sequential(
            nn.Linear(given * (side // 32) ** 2, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, max(10, round(1000 * width))),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dense(self.features(image).flatten(1))
        return out


def side(width: float) -> int:
    """Of the images."""
    return 224 if width >= 1 else 64


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return Vgg(width, side(width))


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    return (torch.rand(1, 3, side(width), side(width)),)
