"""A network over device, edge and cloud with an exit at each, for 32 x 32 photographs.

What travels are a few channels of numbers from 0 to 3, two bits each.
Source: Teerapittayanon et al. 2017, arXiv:1709.01921, where what travels is binary; Bengio et al. 2013,
arXiv:1308.3432 (the gradient through rounding).
"""

from __future__ import annotations

import torch
from torch import nn

from ganglion.engine.torch.branch import attach

AFTER = ("device", "edge")
SENT = 8  # channels of 8 x 8 numbers on each link
LEVELS = 3
WIDTHS = (16, 32, 64, 96)  # channels of the device's two convolutions, the edge's and the cloud's
LOSSES = (0.3, 0.5, 1.0)  # what each exit's loss counts


class Moved(nn.Module):
    """Mirrors each picture by a coin and moves the batch by up to three pixels while training."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(3), x)
        down, right = torch.randint(0, 7, (2,)).tolist()
        side = x.shape[-1]
        return nn.functional.pad(x, (3, 3, 3, 3))[:, :, down : down + side, right : right + side]


class Few(nn.Module):
    """Numbers on whole levels from 0 to LEVELS; while training the gradient passes as if they had not been rounded."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = x.clamp(0, LEVELS)
        if not self.training:
            return held.round()
        return held + (held.round() - held).detach()


def block(given: int, made: int, window: int = 3, pool: bool = False) -> nn.Sequential:
    """A convolution, its statistics, a rectifier, perhaps pooling."""
    layers = [nn.Conv2d(given, made, window, padding=window // 2, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
    return nn.Sequential(*layers, *([nn.MaxPool2d(2)] if pool else []))


def few(given: int) -> nn.Sequential:
    """What is sent: a 1 x 1 convolution around the middle of the levels, rounded."""
    spread = nn.BatchNorm2d(SENT)
    nn.init.constant_(spread.bias, LEVELS / 2)
    return nn.Sequential(nn.Conv2d(given, SENT, 1, bias=False), spread, Few())


class Tiers(nn.Module):
    """A device's convolutions, an edge's and a cloud's."""

    def __init__(self, width: float) -> None:
        super().__init__()
        a, b, c, d = (max(4, round(one * width)) for one in WIDTHS)
        self.move = Moved()
        self.device = nn.Sequential(block(3, a, 5, True), block(a, b, 3, True), few(b))
        self.edge = nn.Sequential(block(SENT, c), block(c, c), few(c))
        last = [nn.Flatten(), nn.Dropout(0.2), nn.Linear(16 * d, 10)]
        self.cloud = nn.Sequential(block(SENT, d), block(d, d, 3, True), *last)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.cloud(self.edge(self.device(self.move(image * 2 - 1))))
        return out


def build(width: float = 1.0) -> nn.Module:
    """With exits at device and edge, and few bits between the tiers; `width` multiplies the channels."""
    c = max(8, round(32 * width))
    near = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * SENT, 10))
    middle = nn.Sequential(block(SENT, c, 3, True), nn.Flatten(), nn.Linear(16 * c, 10))
    return attach(Tiers(width), example(), AFTER, [near, middle])


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One photograph."""
    return (torch.rand(1, 3, 32, 32),)
