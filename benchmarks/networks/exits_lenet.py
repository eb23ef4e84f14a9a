"""LeNet-5 with an early exit, on 28 x 28 images of one channel: four times as wide, and in BranchyNet's own sizes.

Source: LeCun et al. 1998; Teerapittayanon et al. 2016, arXiv:1709.01686, and the sizes of its published code; Ioffe &
Szegedy 2015, arXiv:1502.03167.
"""

from __future__ import annotations

import torch
from torch import nn

from ganglion.demo.project.jitter import Jitter
from ganglion.engine.torch.branch import attach

AFTER = ("near",)
WIDE = (8, 64, 240, 84)  # channels of two convolutions, widths of two dense layers; LeNet-5 has 6, 16, 120, 84
SMALL = {"s": (3, 6, 24), "m": (4, 10, 32), "l": (6, 16, 48)}  # plain networks, to be had in int8


class Moved(nn.Module):
    """Turns and scales each picture a little and moves the batch by up to a pixel while training."""

    def __init__(self) -> None:
        super().__init__()
        self.jitter = Jitter()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        down, right = torch.randint(-1, 2, (2,)).tolist()
        moved: torch.Tensor = self.jitter(torch.roll(x, (down, right), (2, 3)))  # a digit's border is empty
        return moved


def block(given: int, made: int, window: int, padding: int) -> nn.Sequential:
    """A convolution, its statistics, a rectifier, pooling."""
    layers = [nn.Conv2d(given, made, window, padding=padding, bias=False), nn.BatchNorm2d(made), nn.ReLU()]
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class LeNet(nn.Module):
    """Two convolutions and three dense layers, with batch statistics."""

    def __init__(self, sizes: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, d = sizes
        self.move = Moved()
        self.near, self.far = block(1, a, 5, 2), block(a, b, 5, 0)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(25 * b, c), nn.ReLU(), nn.Dropout(0.3), nn.Linear(c, d), nn.ReLU(), nn.Linear(d, 10)
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.dense(self.far(self.near(self.move(image))))
        return out


class Published(nn.Module):
    """The trunk of BranchyNet's LeNet: three convolutions of 5, 10 and 20 channels, two dense layers."""

    def __init__(self) -> None:
        super().__init__()
        self.move = Moved()
        self.near = nn.Sequential(nn.Conv2d(1, 5, 5, padding=3), nn.MaxPool2d(2), nn.ReLU())
        self.far = nn.Sequential(
            nn.Conv2d(5, 10, 5, padding=3),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.ReLU(),
            nn.Conv2d(10, 20, 5, padding=3),
            nn.MaxPool2d(2, ceil_mode=True),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(720, 84),
            nn.Linear(84, 10),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.far(self.near(self.move(image)))
        return out


def trunk(width: float = 1.0) -> nn.Module:
    """The network without its exit; `width` multiplies the channels."""
    a, b, c, d = (max(2, round(one * width)) for one in WIDE)
    return LeNet((a, b, c, d))


def build(width: float = 1.0) -> nn.Module:
    """With its early exit: one more convolution."""
    a, e = (max(2, round(one * width)) for one in (WIDE[0], 16))
    return attach(
        trunk(width), example(), AFTER, [nn.Sequential(block(a, e, 3, 1), nn.Flatten(), nn.Linear(49 * e, 10))]
    )


def published() -> nn.Module:
    """BranchyNet's own: its branch is a convolution, pooling and one dense layer, as here."""
    branch = nn.Sequential(
        nn.Conv2d(5, 10, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU(), nn.Flatten(), nn.Linear(640, 10)
    )
    return attach(Published(), example(), AFTER, [branch])


def small(size: str) -> nn.Module:
    """A plain network of two convolutions and two dense layers, small enough to be as quick as an early exit."""
    a, b, c = SMALL[size]
    return nn.Sequential(
        Moved(),
        nn.Conv2d(1, a, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(a, b, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(49 * b, c),
        nn.ReLU(),
        nn.Linear(c, 10),
    )


def example(width: float = 1.0) -> tuple[torch.Tensor, ...]:
    """One image."""
    return (torch.rand(1, 1, 28, 28),)
