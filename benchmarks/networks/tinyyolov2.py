"""Tiny YOLOv2 on 416 x 416 images, 64 x 64 when it is narrow; five boxes a cell.

Source: Redmon & Farhadi 2017, arXiv:1612.08242.
"""

from __future__ import annotations

import torch
from torch import nn

CHANNELS = (16, 32, 64, 128, 256, 512, 1024, 1024)
BOXES, CLASSES = 5, 20


class TinyYolo(nn.Module):
    """Convolutions with running statistics; the sixth pool keeps the size."""

    def __init__(self, width: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        given = 3
        for place, channels in enumerate(CHANNELS):
            made = max(4, round(channels * width))
            layers += [
                nn.Conv2d(given, made, 3, padding=1, bias=False),
                nn.BatchNorm2d(made),
                nn.LeakyReLU(0.1, inplace=True),
            ]
            if place < 5:
                layers.append(nn.MaxPool2d(2))
            elif place == 5:
                layers += [nn.ZeroPad2d((0, 1, 0, 1)), nn.MaxPool2d(2, 1)]
            given = made
        self.body = nn.Sequential(*layers)
        self.head = nn.Conv2d(given, BOXES * (5 + CLASSES), 1)

    def forward(self, image: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        cells = self.head(self.body(image)).unflatten(1, (BOXES, 5 + CLASSES))
        where = torch.cat([torch.sigmoid(cells[:, :, :2]), torch.exp(cells[:, :, 2:4])], 2)
        return where, torch.sigmoid(cells[:, :, 4]), torch.softmax(cells[:, :, 5:], 2)


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return TinyYolo(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    side = 416 if width >= 1 else 64
    return (torch.rand(1, 3, side, side),)
