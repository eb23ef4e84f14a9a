"""An AlexNet on 224 x 224 images, in the one-tower form. Source: Krizhevsky 2014, arXiv:1404.5997."""

from __future__ import annotations

import torch
from torch import nn

CHANNELS = (64, 192, 384, 256, 256)


class AlexNet(nn.Module):
    """Five convolutions and three dense layers, which hold most of the weights."""

    def __init__(self, width: float) -> None:
        super().__init__()
        a, b, c, d, e = (max(4, round(one * width)) for one in CHANNELS)
        dense = max(8, round(4096 * width))
        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, e, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2),
        )
        self.dense = nn.Sequential(
            nn.Dropout(),
            nn.Linear(36 * e, dense),
            nn.ReLU(inplace=True),
            nn.Dropout(),
            nn.Linear(dense, dense),
            nn.ReLU(inplace=True),
            nn.Linear(dense, max(10, round(1000 * width))),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dense(torch.flatten(self.features(image), 1))
        return out


def build(width: float = 1.0) -> nn.Module:
    """`width` multiplies the channels."""
    return AlexNet(width)


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image; its size does not depend on the width, for the dense layers want 6 x 6 features."""
    return (torch.rand(1, 3, 224, 224),)
