"""A small convolutional network with three exits, for each of the demo's data sets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from ...core.errors import NotFound
from .jitter import Jitter

CLASSES = 10


@dataclass(frozen=True)
class Shape:
    """Sizes of the network for one data set."""

    channels: int  # of the input
    side: int
    widths: tuple[int, int, int]  # channels of the trunk's three parts
    pools: tuple[int, int]  # by how much a picture is made smaller before exits 1 and 2
    hidden: int  # width before the last exit


SHAPES = {
    "digits": Shape(1, 8, (12, 60, 48), (2, 1), 96),
    "mnist": Shape(1, 28, (8, 24, 32), (2, 2), 48),
    "cifar10": Shape(3, 32, (16, 32, 48), (2, 2), 40),
}


class ThreeExits(nn.Module):
    """Logits near the input, half way and at the end; the first part alone is small enough for a tiny device."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        one, two, three = shape.widths
        near, far = shape.side // 2, shape.side // 4
        side1, side2 = near // shape.pools[0], near // shape.pools[1]
        self.jitter: nn.Module = Jitter()
        self.part1 = nn.Sequential(nn.Conv2d(shape.channels, one, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.exit1 = _head(shape.pools[0], one * side1**2)
        self.part2 = nn.Sequential(nn.Conv2d(one, two, 3, padding=1), nn.ReLU())
        self.exit2 = _head(shape.pools[1], two * side2**2)
        self.part3 = nn.Sequential(nn.Conv2d(two, three, 3, stride=2, padding=1), nn.ReLU())
        self.exit3 = nn.Sequential(
            nn.Flatten(), nn.Linear(three * far**2, shape.hidden), nn.ReLU(), nn.Linear(shape.hidden, CLASSES)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Pictures [batch, channels, side, side] in [0, 1] to logits [batch, 10] per exit."""
        near = self.part1(self.jitter(x))
        middle = self.part2(near)
        return self.exit1(near), self.exit2(middle), self.exit3(self.part3(middle))


def _head(pool: int, features: int) -> nn.Sequential:
    smaller = [nn.MaxPool2d(pool)] if pool > 1 else []
    return nn.Sequential(*smaller, nn.Flatten(), nn.Linear(features, CLASSES))


def build(data: str = "digits") -> nn.Module:
    """The model for one of the demo's data sets. Raises NotFound for any other."""
    if data not in SHAPES:
        raise NotFound(f"no model for data set {data!r}; there are {sorted(SHAPES)}")
    return ThreeExits(SHAPES[data])
