"""An AlexNet for 32 x 32 photographs with two early exits, as BranchyNet has, but with batch statistics.

Source: Krizhevsky et al. 2012; Teerapittayanon et al. 2016, arXiv:1709.01686; Ioffe & Szegedy 2015, arXiv:1502.03167.
"""

from __future__ import annotations

import torch
from torch import nn

from ganglion.engine.torch.branch import Head, attach

AFTER = ("first", "third")
WIDTHS = (16, 32, 64, 96, 64)  # channels of the five convolutions
DENSE = 192


class Moved(nn.Module):
    """Mirrors each picture by a coin and moves the batch by up to three pixels while training."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
        down, right = torch.randint(0, 7, (2,)).tolist()
        side = x.shape[-1]
        return nn.functional.pad(x, (3, 3, 3, 3))[:, :, down : down + side, right : right + side]


def block(given: int, made: int, window: int, pool: bool) -> nn.Sequential:
    """A convolution, its statistics, a rectifier, perhaps pooling."""
    layers = [nn.Conv2d(given, made, window, padding=window // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


class AlexNet(nn.Module):
    """Five convolutions and two dense layers."""

    def __init__(self, width: float) -> None:
        super().__init__()
        a, b, c, d, e = (max(4, round(one * width)) for one in WIDTHS)
        dense = max(16, round(DENSE * width))
        self.move = Moved()
        self.first, self.second = block(3, a, 5, True), block(a, b, 3, True)
        self.third, self.fourth, self.fifth = block(b, c, 3, False), block(c, d, 3, False), block(d, e, 3, True)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(16 * e, dense), nn.ReLU(), nn.Dropout(0.2), nn.Linear(dense, 10)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        near = self.second(self.first(self.move(image * 2 - 1)))
        out: torch.Tensor = self.dense(self.fifth(self.fourth(self.third(near))))
        return out


def trunk(width: float = 1.0) -> nn.Module:
    """The network without its exits; `width` multiplies the channels."""
    return AlexNet(width)


def build(width: float = 1.0) -> nn.Module:
    """With its exits: one after the first convolution, one after the third."""
    a = max(4, round(WIDTHS[0] * width))
    first = nn.Sequential(nn.MaxPool2d(2), block(a, 2 * a, 3, True), nn.Flatten(), nn.Linear(32 * a, 10))
    return attach(trunk(width), example(), AFTER, [first, Head(side=4)])


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One photograph."""
    return (torch.rand(1, 3, 32, 32),)
